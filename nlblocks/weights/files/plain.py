"""Pickles of plain data (containers, numbers, text, arrays) as Python values. Nothing in them is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.constructors import NumpyArray, constructors
from nlblocks.weights.files.contents import unread
from nlblocks.weights.files.limits import MAX_DEPTH
from nlblocks.weights.files.pickle_vm import Span, Unpickler, shown
from nlblocks.weights.files.tensors import Mapped


class Held(Mapped):
    """Bytes in memory, such as a member of an archive, read as a mapped file is; ``path`` says where they are from."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.size, self.bytes = path, len(data), memoryview(data)


def read_pickle(path: Path, data: bytes) -> Any:
    """The value of a pickle of Python 2 or 3. Raises InputError for anything that is not plain data.

    ``path`` is for errors. A text of Python 2 is read as Latin-1; bytes, and text of more than a mebibyte, are bytes.
    """
    file = Held(path, data)
    return _value(Unpickler(file, 0, file.size, constructors(file)).load(), file, MAX_DEPTH)


def _value(found: Any, file: Mapped, depth: int) -> Any:
    if not depth:
        raise InputError(f"{file.path}: the pickle nests more than {MAX_DEPTH} containers; it is refused")
    if isinstance(found, NumpyArray) and found.tensor is not None:
        return found.tensor.numpy()
    if isinstance(found, Span):
        return bytes(file.bytes[found.start : found.stop])
    if isinstance(found, dict):
        return {key: _value(item, file, depth - 1) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_value(item, file, depth - 1) for item in found)
    if found is None or isinstance(found, str | int | float | bytes):
        return found
    what = shown(unread(found)) or type(found).__name__
    raise InputError(
        f"{file.path}: the pickle holds a {what}, which is no plain data; it is refused and nothing was executed"
    )
