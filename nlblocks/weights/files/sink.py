"""A file that several threads write: bytes one after the other, and tensors in pieces, each at its place."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, local
from types import TracebackType
from typing import BinaryIO, Self

from nlblocks.errors import InputError
from nlblocks.weights.files.limits import IN_FLIGHT, SMALL
from nlblocks.weights.files.tensors import Piece, Tensor

WORKERS = min(4, os.cpu_count() or 1)
Checksum = Callable[[memoryview], int]


class Sink:
    """``write`` puts bytes at ``position``, ``tensor`` a tensor's bits; both move on. Leaving the context waits.

    Tensors are made, checked and written by threads, a piece at a time. The next tensor begins when the ones under way
    and itself have at most IN_FLIGHT bytes, or when it is alone, so that memory holds no two large ones. ``moved`` is
    called with the bytes of each piece written.
    """

    def __init__(self, file: BinaryIO, moved: Callable[[int], None] = lambda count: None) -> None:
        self.position = self._at = 0
        self._file, self._moved = file, moved
        self._lock, self._local = Lock(), local()
        self._pool = ThreadPoolExecutor(WORKERS)
        self._in_flight = 0
        self._under_way: deque[tuple[Tensor, list[tuple[int, Callable[[], int]]]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._under_way:
                self._finish_oldest()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def write(self, data: bytes) -> None:
        self.put(self.position, data)
        self.position += len(data)

    def put(self, position: int, data: bytes | memoryview) -> None:
        """Bytes at a place of their own."""
        with self._lock:
            if self._at != position:
                self._file.seek(position)
            self._file.write(data)
            self._at = position + len(data)

    def tensor(self, tensor: Tensor, checksum: Checksum | None = None) -> Callable[[], list[tuple[int, int]]]:
        """Begin to write a tensor. The result waits until it is written: the bytes and the checksum of each piece."""
        while self._under_way and self._in_flight + tensor.nbytes > IN_FLIGHT:
            self._finish_oldest()
        begin = self._at_once if tensor.nbytes <= SMALL else self._begin
        moves: list[tuple[int, Callable[[], int]]] = []
        for piece in tensor.pieces():
            moves.append((piece.nbytes, begin(piece, self.position, checksum)))
            self.position += piece.nbytes
        self._under_way.append((tensor, moves))
        self._in_flight += tensor.nbytes
        return lambda: [(nbytes, wait()) for nbytes, wait in moves]

    def _begin(self, piece: Piece, position: int, checksum: Checksum | None) -> Callable[[], int]:
        return self._pool.submit(self._move, piece, position, checksum).result

    def _at_once(self, piece: Piece, position: int, checksum: Checksum | None) -> Callable[[], int]:
        done = self._move(piece, position, checksum)
        return lambda: done

    def _move(self, piece: Piece, position: int, checksum: Checksum | None) -> int:
        """Write a piece; its checksum if asked for."""
        scratch = getattr(self._local, "scratch", b"")
        if len(scratch) < piece.nbytes:
            scratch = self._local.scratch = bytearray(piece.nbytes)
        data = piece.make(memoryview(scratch)[: piece.nbytes])
        if len(data) != piece.nbytes:
            raise InputError(f"a tensor's piece of {piece.nbytes} bytes has {len(data)}; nothing was written")
        self.put(position, data)
        return 0 if checksum is None else checksum(data)

    def _finish_oldest(self) -> None:
        tensor, moves = self._under_way.popleft()
        for nbytes, wait in moves:
            wait()
            self._moved(nbytes)
        tensor.release()
        self._in_flight -= tensor.nbytes
