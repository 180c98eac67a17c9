"""Tensors that lie in several files, a part in each: put together when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.files.limits import MAX_PARTS
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Made, Tensor, checked_shape


@dataclass(frozen=True, slots=True)
class Part:
    """What lies at ``offset`` of a tensor."""

    offset: Shape
    tensor: Tensor


def whole(name: str, shape: object, parts: Sequence[Part], where: str) -> Tensor:
    """The tensor of ``shape`` that is in the parts. Raises InputError unless each of its elements is in one of them."""
    where = f"{where}: {shown(name)}"
    shape = checked_shape(shape, where)
    if not 0 < len(parts) <= MAX_PARTS:
        raise InputError(f"{where}: is in {len(parts)} parts, and must be in 1 to {MAX_PARTS}")
    dtype = parts[0].tensor.dtype
    if any(part.tensor.dtype is not dtype or len(part.tensor.shape) != len(shape) for part in parts):
        raise InputError(f"{where}: its parts are of several dtypes or numbers of axes; they do not belong together")
    if len(parts) == 1 and parts[0].tensor.shape == shape and not any(parts[0].offset):
        return parts[0].tensor
    _check_covered(shape, parts, where)

    def make() -> Array:
        array = np.empty(shape, dtype.bits)
        for part in parts:
            place = tuple(slice(o, o + n) for o, n in zip(part.offset, part.tensor.shape, strict=True))
            array[place] = part.tensor.raw()
            part.tensor.release()
        return array

    return Made(dtype, shape, make, tuple(part.tensor for part in parts))


def _check_covered(shape: Shape, parts: Sequence[Part], where: str) -> None:
    """Parts inside the tensor, of which no two overlap, and with as many elements, leave no gap."""
    if any(len(part.offset) != len(shape) for part in parts):
        raise InputError(f"{where}: its parts do not say where they lie; the file is damaged")
    starts = np.array([part.offset for part in parts], np.int64).reshape(len(parts), len(shape))
    stops = starts + np.array([part.tensor.shape for part in parts], np.int64).reshape(starts.shape)
    if (starts < 0).any() or (stops > np.array(shape, np.int64)).any():
        raise InputError(f"{where}: a part of it lies outside of its shape {shape}; the file is damaged")
    for index in range(len(parts)):
        over = (starts[index] < stops[index + 1 :]) & (starts[index + 1 :] < stops[index])
        if over.all(axis=1).any() and math.prod(parts[index].tensor.shape):
            raise InputError(f"{where}: two parts of it overlap; the file is damaged")
    count = sum(math.prod(part.tensor.shape) for part in parts)
    if count != math.prod(shape):
        raise InputError(
            f"{where}: {count} of its {math.prod(shape)} elements are there; copy the parts of all ranks there"
        )
