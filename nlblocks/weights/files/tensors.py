"""Tensors that stay in their file until they are asked for."""

from __future__ import annotations

import math
import mmap
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.files.dtypes import FileDType, widen_bfloat16
from nlblocks.weights.files.limits import MAX_AXES, MAX_EXTENT, PIECE, TILE


class Mapped:
    """A file mapped into memory, read only. Pages are given back after each tensor, so that few stay resident."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe waits for its other end
                raise InputError(f"{path}: cannot be read: it is not a regular file")
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                self.size, self._identity = status.st_size, (status.st_dev, status.st_ino)
                if self.size == 0:
                    raise InputError(f"{path}: the file is empty")
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        self.bytes = memoryview(self._map)

    @contextmanager
    def opened(self) -> Iterator[FileIO]:
        """The file itself, as long as it is the one that was mapped."""
        with self.path.open("rb", buffering=0) as source:
            status = os.fstat(source.fileno())
            if (status.st_dev, status.st_ino) != self._identity:
                raise InputError(f"{self.path}: the file was replaced while it was read; nothing was written")
            yield source

    def read_into(self, start: int, buffer: memoryview) -> memoryview:
        """Fill a buffer from byte ``start``: half the time of copying out of the mapped pages."""
        with self.opened() as source:
            source.seek(start)
            filled = 0
            while filled < len(buffer):
                count = source.readinto(buffer[filled:])
                if not count:
                    raise InputError(f"{self.path}: the file was cut while it was read; nothing was written")
                filled += count
        return buffer

    def release(self, start: int, stop: int) -> None:
        """Tell the system that the pages of [start, stop) are not needed for now."""
        if hasattr(self._map, "madvise") and stop - start >= mmap.PAGESIZE:
            start = start // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, start, stop - start)


class Window(Mapped):
    """A part of a mapped file, read as a file of its own."""

    def __init__(self, file: Mapped, start: int, size: int) -> None:
        if not 0 <= start <= start + size <= file.size:
            raise InputError(f"{file.path}: a part of it ends past the end: it is truncated; copy it again")
        self.path, self.size, self._file, self._start = file.path, size, file, start
        self.bytes = file.bytes[start : start + size]

    def read_into(self, start: int, buffer: memoryview) -> memoryview:
        return self._file.read_into(self._start + start, buffer)

    def release(self, start: int, stop: int) -> None:
        self._file.release(self._start + start, self._start + stop)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a tensor. ``make`` returns them: in the memory that it is given, of that size, or elsewhere."""

    nbytes: int
    make: Callable[[memoryview], memoryview]


@dataclass(frozen=True, slots=True)
class Tensor(ABC):
    """A dtype, a shape, and a way to the values."""

    dtype: FileDType
    shape: Shape

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.size

    @abstractmethod
    def raw(self) -> Array:
        """The stored bits as an array of ``dtype.bits``, possibly a read-only view of the file."""

    def pieces(self) -> list[Piece]:
        """The stored bits in row-major order, in pieces that threads may make side by side."""
        array = self.raw()
        if array.ndim == 2 and array.flags.f_contiguous and not array.flags.c_contiguous:
            return _turned_rows(array.T)
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        return [
            Piece(len(part), lambda _, part=part: part)  # type: ignore[misc]  # mypy has no type for the default
            for part in (flat[start : start + PIECE] for start in range(0, len(flat), PIECE))
        ]

    @abstractmethod
    def release(self) -> None:
        """Give back the pages of the file that reading has brought in."""

    def tobytes(self) -> bytes:
        """All the stored bits in row-major order."""
        found = b"".join(piece.make(memoryview(bytearray(piece.nbytes))) for piece in self.pieces())
        self.release()
        return found

    def numpy(self) -> Array:
        """The values as a copy; bfloat16, which NumPy lacks, becomes float32."""
        if self.dtype.name == "bfloat16":
            return widen_bfloat16(self.raw())
        if self.dtype.name.startswith("float8"):
            raise InputError(f"a tensor is {self.dtype.name}, which NumPy lacks; read its bits with raw()")
        return np.array(self.raw())


@dataclass(frozen=True, slots=True)
class Stored(Tensor):
    """Elements of a mapped file, from byte ``start``; ``strides`` in elements, None for row-major."""

    file: Mapped
    start: int
    strides: Shape | None = None
    swapped: bool = False

    def raw(self) -> Array:
        bits = self.dtype.bits
        steps = None if self.strides is None else tuple(step * bits.itemsize for step in self.strides)
        stored = bits.newbyteorder(">") if self.swapped else bits
        if 0 in self.shape:
            return np.empty(self.shape, bits)
        array: Array = np.ndarray(self.shape, stored, self.file.bytes, self.start, steps)
        return array.astype(bits) if self.swapped else array

    def pieces(self) -> list[Piece]:
        if self.strides is not None or self.swapped:
            return Tensor.pieces(self)
        return [
            Piece(min(PIECE, self.nbytes - done), partial(self.file.read_into, self.start + done))
            for done in range(0, self.nbytes, PIECE)
        ]

    def release(self) -> None:
        span = 1 + sum(
            (n - 1) * step for n, step in zip(self.shape, self.strides or row_major(self.shape), strict=True)
        )
        self.file.release(self.start, min(self.start + span * self.dtype.size, self.file.size))


@dataclass(frozen=True, slots=True)
class Made(Tensor):
    """A tensor computed when asked for: inflated, transposed, split, or simply at hand. ``sources`` are read for it."""

    make: Callable[[], Array]
    sources: tuple[Tensor, ...] = ()

    def release(self) -> None:
        for source in self.sources:
            source.release()

    def raw(self) -> Array:
        array = self.make()
        if array.shape != self.shape or array.dtype.itemsize != self.dtype.size:
            raise InputError(f"a tensor declared {self.dtype.name} {self.shape} holds {array.dtype} {array.shape}")
        return array.view(self.dtype.bits) if array.dtype != self.dtype.bits else array


def _turned_rows(source: Array) -> list[Piece]:
    """The columns of ``source``, some at a time, as rows."""
    height, width = source.shape
    row = height * source.itemsize
    rows = max(TILE // 4, min(TILE, PIECE // row))
    return [
        Piece(row * min(rows, width - left), partial(_turn, source, left, min(left + rows, width)))
        for left in range(0, width, rows)
    ]


def _turn(source: Array, left: int, right: int, memory: memoryview) -> memoryview:
    """Columns ``left`` to ``right`` as rows, by way of a padded tile whose columns share no lines."""
    height, columns = source.shape[0], right - left
    rows = np.frombuffer(memory, source.dtype).reshape(columns, height)
    tile = np.empty((TILE, columns + 16), source.dtype)
    for top in range(0, height, TILE):
        part = source[top : top + TILE, left:right]
        buffer = tile[: len(part), :columns]
        buffer[...] = part
        rows[:, top : top + TILE] = buffer.T
    return memory


def in_memory(array: Array, dtype: FileDType) -> Made:
    """A tensor of an array at hand; the array's bits are taken as ``dtype``."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    bits = np.ascontiguousarray(little).reshape(array.shape).view(dtype.bits)
    return Made(dtype, array.shape, lambda: bits)


def checked_shape(shape: object, where: str) -> Shape:
    """A tuple of sane extents, or an InputError."""
    if not isinstance(shape, tuple | list) or len(shape) > MAX_AXES:
        raise InputError(f"{where}: a tensor's shape must be at most {MAX_AXES} extents, received {_short(shape)}")
    if any(isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < MAX_EXTENT for n in shape):
        raise InputError(f"{where}: a tensor has the impossible shape {_short(shape)}")
    if math.prod(n for n in shape if n) >= MAX_EXTENT:  # NumPy counts an empty array's other axes too
        raise InputError(f"{where}: a tensor has the impossible shape {_short(shape)}")
    return tuple(shape)


def strided(
    dtype: FileDType,
    shape: object,
    strides: object,
    file: Mapped,
    start: int,
    offset: object,
    elements: int,
    where: str,
) -> Stored:
    """A view of ``elements`` elements that start at byte ``start``; every index that it can reach is inside."""
    shape = checked_shape(shape, where)
    if not isinstance(strides, tuple | list) or len(strides) != len(shape):
        raise InputError(f"{where}: a tensor of shape {shape} has strides {_short(strides)}")
    if any(isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < MAX_EXTENT for n in strides):
        raise InputError(f"{where}: a tensor has the impossible strides {_short(strides)}")
    if isinstance(offset, bool) or not isinstance(offset, int) or not 0 <= offset <= elements:
        raise InputError(f"{where}: a tensor starts at element {_short(offset)} of a storage of {elements}")
    count = math.prod(shape)
    if count and offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) >= elements:
        raise InputError(f"{where}: a tensor of shape {shape} reaches outside its storage of {elements} elements")
    if count > elements:
        raise InputError(
            f"{where}: a tensor of shape {shape} repeats the {elements} elements of its storage; "
            "save it after tensor.contiguous()"
        )
    steps: Shape | None = tuple(strides)
    if count == 0 or all(n == 1 or step == row for n, step, row in zip(shape, strides, row_major(shape), strict=True)):
        steps = None
    return Stored(dtype, shape, file, start + offset * dtype.size, steps)


def row_major(shape: Shape) -> Shape:
    """The strides, in elements, of a contiguous tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _short(value: object) -> str:
    """A repr for a message: of plain numbers and short tuples only, whatever a file may hold."""
    if isinstance(value, bool | float) or value is None:
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) < 1 << 64 else "a huge number"
    if isinstance(value, tuple | list):
        return f"({', '.join(_short(item) if isinstance(item, int) else type(item).__name__ for item in value[:8])})"
    return type(value).__name__
