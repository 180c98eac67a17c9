"""Paddle's own stream of tensors, in .pdiparams and in files of one variable each."""

from __future__ import annotations

import struct

from nlblocks.errors import InputError
from nlblocks.weights.files.containers.wire import Wire
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.files.limits import MAX_NODES
from nlblocks.weights.files.tensors import Mapped, Stored, checked_shape

CODES = {
    0: "bool", 1: "int16", 2: "int32", 3: "int64", 4: "float16", 5: "float32", 6: "float64", 20: "uint8", 21: "int8",
    22: "bfloat16", 23: "complex64", 24: "complex128", 32: "float8_e4m3fn", 33: "float8_e5m2",
}  # fmt: skip
"""Paddle's VarType.Type."""
_DESCRIPTION = 1 << 10
"""Bytes of a tensor's dtype and shape at most; they take some twenty."""
_LEVELS = 8


def is_stream(file: Mapped) -> bool:
    """Whether a file begins as a tensor of Paddle's does: version 0, no levels, version 0, a short description."""
    head = bytes(file.bytes[:21])
    if len(head) < 21 or any(head[:16]):
        return False
    size = struct.unpack_from("<i", head, 16)[0]
    return 0 < size <= _DESCRIPTION and head[20] == 0x08


def read_stream(file: Mapped) -> list[Stored]:
    """The tensors in order; they have no names here."""
    tensors: list[Stored] = []
    at = 0
    while at < file.size:
        if len(tensors) == MAX_NODES:
            raise InputError(f"{file.path}: more than {MAX_NODES} tensors; the file is refused")
        tensor = _tensor(file, at, len(tensors))
        tensors.append(tensor)
        at = tensor.start + tensor.nbytes
    return tensors


def _tensor(file: Mapped, at: int, place: int) -> Stored:
    where = f"{file.path}: tensor {place}, at byte {at}"
    version, levels = struct.unpack("<IQ", _bytes(file, at, 12, where))
    at += 12
    if version or levels > _LEVELS:
        raise InputError(f"{where}: no tensor of Paddle's begins like this; the file is damaged, or of another kind")
    for _ in range(levels):
        size = struct.unpack("<Q", _bytes(file, at, 8, where))[0]
        if size > file.size - at - 8:
            raise _short(where)
        at += 8 + size
    version, size = struct.unpack("<Ii", _bytes(file, at, 8, where))
    at += 8
    if version or not 0 < size <= _DESCRIPTION:
        raise InputError(f"{where}: no tensor of Paddle's begins like this; the file is damaged, or of another kind")
    described = memoryview(_bytes(file, at, size, where))
    wire = Wire(where)
    code = wire.number(described, 1, -1)
    if code not in CODES:
        raise InputError(f"{where}: has the dtype number {code}, which is not read")
    shape = checked_shape(tuple(wire.numbers(described, 2)), where)
    tensor = Stored(DTYPES[CODES[code]], shape, file, at + size)
    if tensor.nbytes > file.size - tensor.start:
        raise _short(where)
    return tensor


def _bytes(file: Mapped, at: int, count: int, where: str) -> bytes:
    if count > file.size - at:
        raise _short(where)
    return bytes(file.bytes[at : at + count])


def _short(where: str) -> InputError:
    return InputError(f"{where}: goes on past the end of the file: it is truncated; copy it again")
