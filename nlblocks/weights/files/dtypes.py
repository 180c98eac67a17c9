"""The dtypes of checkpoint files, by torch's names, and how each format spells them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError, known


@dataclass(frozen=True, slots=True)
class FileDType:
    """``bits`` is the NumPy dtype of the stored bits: the dtype itself, or an unsigned integer where NumPy has none.

    ``safetensors`` and ``storage`` (torch's typed storage) are the formats' names, empty where they have none;
    ``paddle`` says whether a Paddle tensor can hold it.
    """

    name: str
    bits: np.dtype[np.generic]
    safetensors: str = ""
    storage: str = ""
    paddle: bool = False

    @property
    def size(self) -> int:
        return self.bits.itemsize


def _row(name: str, bits: str, safetensors: str, storage: str, paddle: bool) -> FileDType:
    return FileDType(name, np.dtype(bits), safetensors, storage, paddle)


DTYPES = {
    row.name: row
    for row in (
        _row("float64", "<f8", "F64", "DoubleStorage", True),
        _row("float32", "<f4", "F32", "FloatStorage", True),
        _row("float16", "<f2", "F16", "HalfStorage", True),
        _row("bfloat16", "<u2", "BF16", "BFloat16Storage", True),
        _row("int64", "<i8", "I64", "LongStorage", True),
        _row("int32", "<i4", "I32", "IntStorage", True),
        _row("int16", "<i2", "I16", "ShortStorage", True),
        _row("int8", "|i1", "I8", "CharStorage", True),
        _row("uint8", "|u1", "U8", "ByteStorage", True),
        _row("bool", "|b1", "BOOL", "BoolStorage", True),
        _row("complex64", "<c8", "C64", "ComplexFloatStorage", True),
        _row("complex128", "<c16", "", "ComplexDoubleStorage", True),
        _row("uint16", "<u2", "U16", "", False),
        _row("uint32", "<u4", "U32", "", False),
        _row("uint64", "<u8", "U64", "", False),
        _row("float8_e4m3fn", "|u1", "F8_E4M3", "", False),
        _row("float8_e5m2", "|u1", "F8_E5M2", "", False),
    )
}
BY_SAFETENSORS = {row.safetensors: row for row in DTYPES.values() if row.safetensors}
BY_STORAGE = {row.storage: row for row in DTYPES.values() if row.storage}
_WITHOUT_NUMPY = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
BY_BITS = {row.bits: row for row in DTYPES.values() if row.name not in _WITHOUT_NUMPY}


def of_array(array: Array) -> FileDType:
    """The file dtype of a NumPy array, ml_dtypes' bfloat16 and float8 included."""
    row = BY_BITS.get(array.dtype.newbyteorder("<")) or DTYPES.get(array.dtype.name)
    if row is None:
        raise InputError(f"dtype {array.dtype} cannot be stored in a checkpoint; it must be one of {known(DTYPES)}")
    return row


def widen_bfloat16(bits: Array) -> Array:
    """The float32 values of bfloat16 bits: exact, since a bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
