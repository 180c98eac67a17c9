"""Tensors: whether they hold what they say, and the files beside in which they keep it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from nlblocks.errors import InputError

FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
"""Where a tensor may hold its values, if not in raw_data."""
PACKED = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}
"""Bits of what takes less than a byte."""
COMPLEX = frozenset({TensorProto.COMPLEX64, TensorProto.COMPLEX128})
MOST = 2**26
"""Values that a sparse tensor may be spread out to."""


def check(tensor: TensorProto, folder: Path) -> None:
    """Raise InputError, beginning with the tensor's name, where a tensor does not hold what it says."""
    name = f"tensor {tensor.name!r}"
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type == TensorProto.UNDEFINED:
        raise InputError(f"{name}: data type {tensor.data_type} is none of ONNX's; export it again")
    if any(size < 0 for size in tensor.dims):
        raise InputError(f"{name}: its shape {list(tensor.dims)} has a negative extent; export it again")
    count = math.prod(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL:
        _check_place(tensor, name, folder, size_of(tensor, count))
        return
    if tensor.HasField("segment"):
        raise InputError(f"{name}: is one of several segments, which nothing writes; export it in one piece")
    filled = [field for field in FIELDS if getattr(tensor, field)]
    if len(filled) + bool(tensor.raw_data) > 1:
        raise InputError(f"{name}: holds values in {' and '.join(filled)} and elsewhere; export it again")
    if tensor.raw_data or (not filled and count):
        if tensor.data_type == TensorProto.STRING:
            raise InputError(f"{name}: holds text as raw bytes; export it again")
        if len(tensor.raw_data) != size_of(tensor, count):
            said = f"{size_of(tensor, count)} bytes, and holds {len(tensor.raw_data)}"
            raise InputError(f"{name}: its shape {list(tensor.dims)} takes {said}; the file is broken or cut off")
        return
    if filled:
        _check_field(tensor, name, filled[0], count)


def _check_field(tensor: TensorProto, name: str, field: str, count: int) -> None:
    """Whether a field is the one for the type, and holds as many values as the shape says."""
    right = helper.tensor_dtype_to_field(tensor.data_type)
    if field != right:
        kind = TensorProto.DataType.Name(tensor.data_type)
        raise InputError(f"{name}: holds {kind} in {field} instead of {right}; export it again")
    kind = TensorProto.DataType.Name(tensor.data_type)
    wanted = -(-count * PACKED[kind] // 8) if kind in PACKED else count * (2 if tensor.data_type in COMPLEX else 1)
    held = len(getattr(tensor, field))
    if held != wanted:
        said = f"{wanted} values, and holds {held}"
        raise InputError(f"{name}: its shape {list(tensor.dims)} takes {said}; the file is broken or cut off")


def size_of(tensor: TensorProto, count: int) -> int:
    """The bytes of some values of a tensor's type."""
    kind = TensorProto.DataType.Name(tensor.data_type)
    if kind in PACKED:
        return -(-count * PACKED[kind] // 8)
    return 0 if kind == "STRING" else count * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def check_sparse(sparse: SparseTensorProto, folder: Path) -> None:
    """Raise InputError where the places of a sparse tensor do not lie in it."""
    name = f"sparse tensor {sparse.values.name!r}"
    if any(size < 0 for size in sparse.dims) or math.prod(sparse.dims) > MOST:
        raise InputError(f"{name}: its shape {list(sparse.dims)} is none that fits memory; store it dense")
    count = math.prod(sparse.values.dims)
    shape = list(sparse.indices.dims)
    if sparse.indices.data_type != TensorProto.INT64 or shape not in ([count], [count, len(sparse.dims)]):
        said = f"indices of shape {shape} for {count} values of {len(sparse.dims)} axes"
        raise InputError(f"{name}: {said}; export it again, or store it dense")
    for part in (sparse.values, sparse.indices):
        check(part, folder)
        if part.data_location == TensorProto.EXTERNAL:
            raise InputError(f"{name}: is kept in a file beside; store it dense")
    places = numpy_helper.to_array(sparse.indices)
    ends = [math.prod(sparse.dims)] if len(shape) == 1 else list(sparse.dims)
    if ((places < 0) | (places >= ends)).any():
        raise InputError(f"{name}: has indices outside of its shape {list(sparse.dims)}; export it again")


def dense(sparse: SparseTensorProto) -> TensorProto:
    """A sparse tensor, once it is checked, as one that holds every value."""
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    found = np.zeros(tuple(sparse.dims), values.dtype)
    found[tuple(places.T) if places.ndim == 2 else np.unravel_index(places, found.shape)] = values
    return numpy_helper.from_array(found, sparse.values.name)


def _check_place(tensor: TensorProto, name: str, folder: Path, size: int) -> None:
    """Whether what a tensor keeps elsewhere is there: in the folder, and as long as it should be."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    if not location or "\0" in location:
        raise InputError(f"{name}: keeps its values in a file without a name; export it again")
    if tensor.data_type == TensorProto.STRING:
        raise InputError(f"{name}: keeps text in a file beside, which ONNX does not; export it again")
    place = folder / location
    inside = folder.resolve()
    if Path(location).is_absolute() or ".." in Path(location).parts or not place.resolve().is_relative_to(inside):
        raise InputError(f"{name}: keeps its values in {location!r}, outside of {folder}; move the file beside it")
    if not place.is_file():
        raise InputError(f"{name}: keeps its values in {location!r}, which is no file in {folder}; copy it there too")
    start, length = _number(said, "offset", 0, name), _number(said, "length", size, name)
    if length != size:
        said_so = f"{size} bytes, and its length says {length}"
        raise InputError(f"{name}: its shape {list(tensor.dims)} takes {said_so}; export it again")
    if start + length > place.stat().st_size:
        ends = f"bytes {start} to {start + length} of {location!r}, which has {place.stat().st_size}"
        raise InputError(f"{name}: keeps its values in {ends}; the file is cut off: copy it again")


def _number(said: dict[str, str], key: str, default: int, name: str) -> int:
    text = said.get(key, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(2**63)):
        raise InputError(f"{name}: the {key} of its values is {text[:40]!r}, no whole number from 0; export it again")
    return int(text)


def load(tensor: TensorProto, folder: Path) -> None:
    """Read what a tensor keeps beside, once it is checked."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    size = size_of(tensor, math.prod(tensor.dims))
    with (folder / said["location"]).open("rb") as file:
        file.seek(int(said.get("offset", "0")))
        raw = file.read(size)
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.raw_data = raw
