"""Tensors made of others when they are read: turned, reshaped, cut and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.files import DTYPES, Made, Tensor, in_memory
from nlblocks.weights.files.dtypes import of_array
from nlblocks.weights.files.tensors import Piece, Stored


def as_tensor(array: Array, dtype: str = "") -> Tensor:
    """A tensor of an array. Where ``dtype`` is bfloat16, float32 holds its values: they get their bits again."""
    if dtype.endswith("bfloat16") and array.dtype == np.float32:
        bits = np.ascontiguousarray(array).reshape(array.shape).view(np.uint32)
        return in_memory((bits >> 16).astype(np.uint16), DTYPES["bfloat16"])
    return in_memory(array, of_array(array))


def turned(tensor: Tensor) -> Tensor:
    """The transpose of a tensor of two axes, made when it is read."""
    return Made(tensor.dtype, tensor.shape[::-1], lambda: tensor.raw().T, (tensor,))


def reshaped(tensor: Tensor, shape: Shape) -> Tensor:
    """The same bits under another shape."""
    return Made(tensor.dtype, shape, lambda: tensor.raw().reshape(shape), (tensor,))


def shaped(tensor: Tensor, canonical: Shape, turn_in: bool, shape: Shape, turn_out: bool) -> Tensor:
    """``tensor``, turned or not, as the ``canonical`` shape, then turned or not as ``shape``."""
    if turn_in == turn_out and tensor.shape == shape:
        return tensor

    def make() -> Array:
        array = tensor.raw()
        array = (array.T if turn_in else array).reshape(canonical)
        return (array.T if turn_out else array).reshape(shape)

    return Made(tensor.dtype, shape, make, (tensor,))


def third(whole: Tensor, index: int, name: str = "in_proj") -> Tensor:
    """The third number ``index`` of a fused projection, ``name`` in messages."""
    rows = whole.shape[0] if whole.shape else 1
    if rows % 3:
        raise InputError(f"{name} has {rows} rows; q, k and v are three parts of one size")
    size = rows // 3
    shape = (size, *whole.shape[1:])
    if isinstance(whole, Stored) and whole.strides is None:
        return replace(whole, shape=shape, start=whole.start + index * whole.nbytes // 3)
    return Made(whole.dtype, shape, lambda: whole.raw()[index * size : (index + 1) * size], (whole,))


@dataclass(frozen=True, slots=True)
class Joined(Tensor):
    """The parts one below the other."""

    parts: tuple[Tensor, ...]

    def raw(self) -> Array:
        return np.concatenate([part.raw() for part in self.parts])

    def pieces(self) -> list[Piece]:
        return [piece for part in self.parts for piece in part.pieces()]

    def release(self) -> None:
        for part in self.parts:
            part.release()


def joined(parts: Sequence[Tensor], where: str = "one attention") -> Joined:
    """The parts one below the other; an InputError where they do not fit."""
    first = parts[0]
    if any(part.dtype != first.dtype or part.shape[1:] != first.shape[1:] for part in parts):
        raise InputError(
            f"the q, k and v projections of {where or 'the top'} differ in dtype or shape; they cannot be joined"
        )
    return Joined(first.dtype, (sum(part.shape[0] for part in parts), *first.shape[1:]), tuple(parts))
