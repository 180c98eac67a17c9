"""NumPy's .npz archives: plain numbers only, each inflated when it is asked for."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.dtypes import BY_BITS, FileDType
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Made, Mapped, Stored, Tensor, checked_shape, row_major
from nlblocks.weights.files.zip_reader import Entry, inflate

_HEAD = re.compile(
    r"\{'descr': '([<>|=])([a-zA-Z])([0-9]{0,10})', 'fortran_order': (True|False), "
    r"'shape': \(([0-9, ]{0,700})\),? *\} *\n?"
)


def read(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    """Arrays by name; strings are listed among the others, Python objects are refused."""
    tensors: dict[tuple[str, ...], Tensor] = {}
    others: dict[tuple[str, ...], Any] = {}
    for name, entry in entries.items():
        if not name.endswith(".npy"):
            raise InputError(f"{file.path}: {shown(name)} is no .npy entry; the archive is not an .npz file")
        value = _array(file, entry)
        target: dict[tuple[str, ...], Any] = tensors if isinstance(value, Tensor) else others
        target[(name.removesuffix(".npy"),)] = value
    return Contents("npz", tensors, others, told=False)


def _array(file: Mapped, entry: Entry) -> Tensor | str:
    where = f"{file.path}: {shown(entry.name)}"
    head = inflate(file, entry, 4096)
    if len(head) < 12 or head[:6] != b"\x93NUMPY" or head[6] not in (1, 2, 3):
        raise InputError(f"{where}: it does not start as a .npy file does")
    length, at = (
        (struct.unpack_from("<H", head, 8)[0], 10) if head[6] == 1 else (struct.unpack_from("<I", head, 8)[0], 12)
    )
    match = _HEAD.fullmatch(head[at : at + length].decode("latin-1")) if at + length <= len(head) else None
    if match is None:
        raise InputError(f"{where}: its .npy header is not that of an array of plain numbers")
    order, kind, width, fortran, extents = match.groups()
    if kind == "O":
        raise InputError(f"{where}: it holds Python objects (a pickle); it is refused")
    shape = checked_shape(tuple(int(n) for n in extents.replace(",", " ").split()), where)
    if kind in "US":
        return f"text {shape}"
    row = BY_BITS.get(np.dtype(f"<{kind}{width}")) if kind in "biufc" and f"{kind}{width}" in _CODES else None
    if row is None:
        raise InputError(f"{where}: dtype {kind}{width} is not read")
    start = at + length
    if entry.size - start != int(np.prod(shape, dtype=np.int64)) * row.size:
        raise InputError(f"{where}: {row.name} {shape} does not fit the {entry.size - start} bytes of the entry")
    strides = row_major(shape[::-1])[::-1] if fortran == "True" and len(shape) > 1 else None
    if not entry.deflated:
        return Stored(row, shape, file, entry.start + start, strides, order == ">")
    return Made(row, shape, _inflated(file, entry, start, row, shape, order == ">", fortran == "True"))


def _inflated(
    file: Mapped, entry: Entry, start: int, row: FileDType, shape: tuple[int, ...], swapped: bool, fortran: bool
) -> Callable[[], Array]:
    def make() -> Array:
        stored = row.bits.newbyteorder(">") if swapped else row.bits
        flat = np.frombuffer(inflate(file, entry), stored, offset=start)
        return flat.astype(row.bits, copy=False).reshape(shape, order="F" if fortran else "C")

    return make


_CODES = {bits.str[1:] for bits in BY_BITS}
