"""Paddle's .pdparams and .pdopt: a pickle of NumPy arrays, read without Paddle, and written."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.constructors import NumpyArray, constructors
from nlblocks.weights.files.contents import Contents, collect
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.files.limits import MAX_HEADER
from nlblocks.weights.files.pickle_vm import Unpickler
from nlblocks.weights.files.pickle_writer import global_, integer, text, tuple_
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Made, Mapped, Stored, Tensor

TABLE = "StructuredToParameterName@@"
SLICES = "UnpackBigParamInfor@@"
NOTE = b"nlblocks"
"""Ends a file that carries metadata: after the pickle come the JSON, its length as uint32, and this."""


def read(file: Mapped) -> Contents:
    """A state dict; uint16 arrays are bfloat16, which is how Paddle stores it (it has no uint16 of its own)."""
    reader = Unpickler(file, 0, file.size, constructors(file))
    value, table = reader.load(), None
    if isinstance(value, dict):
        if SLICES in value:
            raise InputError(
                f"{file.path}: parameters are cut into slices ({SLICES}), as Paddle does below pickle protocol 4; "
                "re-save it with paddle.save(..., protocol=4)"
            )
        table = value.pop(TABLE, None)
    named = False

    def as_tensor(found: Any) -> Tensor | None:
        nonlocal named
        named = named or (_is_named(found) and isinstance(found[1], NumpyArray))
        return _as_tensor(found)

    tensors, others, kinds = collect(value, as_tensor, str(file.path))
    names = {key: name for key, name in table.items() if isinstance(name, str)} if isinstance(table, dict) else {}
    told = named or isinstance(table, dict)
    return Contents("paddle", tensors, others, _note(file, reader.position), "paddle", told, names, kinds=kinds)


def _is_named(value: Any) -> bool:
    """(the parameter's name, the array): how Paddle saves a tensor outside a state dict."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _as_tensor(value: Any) -> Tensor | None:
    if _is_named(value):
        value = value[1]
    if not isinstance(value, NumpyArray) or value.tensor is None:
        return None
    tensor = value.tensor
    if tensor.dtype.name != "uint16":
        return tensor
    bfloat16 = DTYPES["bfloat16"]
    if isinstance(tensor, Stored):
        return Stored(bfloat16, tensor.shape, tensor.file, tensor.start, tensor.strides, tensor.swapped)
    return Made(bfloat16, tensor.shape, tensor.raw)


def _note(file: Mapped, position: int) -> str:
    rest = file.size - position
    if rest < 12 or bytes(file.bytes[-8:]) != NOTE:
        return ""
    length = struct.unpack_from("<I", file.bytes, file.size - 12)[0]
    if length != rest - 12 or length > MAX_HEADER:
        raise InputError(f"{file.path}: the metadata after the pickle is damaged")
    return bytes(file.bytes[position : position + length]).decode("utf-8", "replace")


def write(sink: Sink, tensors: Mapping[str, Tensor], metadata: str) -> None:
    """A pickle that ``paddle.load`` reads as a state dict of tensors."""
    for name, tensor in tensors.items():
        if not tensor.dtype.paddle:
            raise InputError(f"{name} is {tensor.dtype.name}, which Paddle cannot load; write a .safetensors file")
    sink.write(b"\x80\x04}(")
    make = global_("numpy.core.multiarray", "_reconstruct") + global_("numpy", "ndarray") + b"K\0\x85C\1b\x87R"
    for name, tensor in tensors.items():
        bits = tensor.dtype.bits
        order = text("|" if bits.itemsize == 1 else "<")
        tail = [integer(3), order, b"NNN", b"J\xff\xff\xff\xff" * 2, integer(0)]
        dtype = global_("numpy", "dtype") + text(bits.str[1:]) + b"\x89\x88\x87R" + tuple_(tail) + b"b"
        shape = tuple_(map(integer, tensor.shape))
        sink.write(text(name) + make + b"(" + integer(1) + shape + dtype + b"\x89")
        sink.write(b"\x8e" + struct.pack("<Q", tensor.nbytes))
        sink.tensor(tensor)
        sink.write(b"tb")
    names = b"".join(text(name) * 2 for name in tensors)
    sink.write(text(TABLE) + b"}(" + names + b"uu.")
    if metadata:
        data = metadata.encode()
        sink.write(data + struct.pack("<I", len(data)) + NOTE)
