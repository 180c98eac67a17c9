"""Resize where it aligns corners, and GridSample: ONNX's evaluator has its places in float32, and is slow."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_resize import Resize as OnnxResize

from nlblocks.backend import Array

Neighbour = tuple[Array, Array]
"""Places along an axis, and their weights."""
A = -0.75
"""The coefficient of GridSample's cubic."""


class Resize(OnnxResize):
    """Corners are aligned with the whole number of values that there are, as torch, Paddle and onnxruntime do.

    ONNX's own tests take the scaled length, which is no whole number.
    """

    op_domain = ""

    def _run(  # type: ignore[override]  # it is called with its attributes by name
        self, x: Array, roi: Array | None = None, scales: Array | None = None, sizes: Array | None = None, **attrs: Any
    ) -> Any:
        if attrs.get("coordinate_transformation_mode") == "align_corners" and scales is not None and scales.size:
            axes = attrs.get("axes") or range(x.ndim)
            scales, sizes = None, np.floor(scales * np.array([x.shape[axis] for axis in axes])).astype(np.int64)
        scales = None if scales is None or not scales.size else scales
        return super()._run(x, roi, scales, sizes, **attrs)


class AffineGrid(OpRun):
    """Where each value of an output [N, C, *S] lies in the input: [N, *S, len(S)]. The evaluator's own is float32."""

    op_domain = ""

    def _run(self, theta: Array, size: Array, align_corners: int = 0, **_: Any) -> tuple[Array]:
        sides = []
        for length in size[2:]:
            at = np.arange(length) * 2.0 + 1
            sides.append(np.linspace(-1, 1, length) if align_corners else at / length - 1)
        places = np.meshgrid(*sides, indexing="ij")
        rows = np.stack([*reversed(places), np.ones_like(places[0])], -1)
        return (np.einsum("...k,nik->n...i", rows, theta).astype(theta.dtype),)


class GridSample(OpRun):
    """x [B, C, *S] at the places of a grid [B, *T, len(S)] from -1 to 1, its last axis first: [B, C, *T]."""

    op_domain = ""

    def _run(
        self, x: Array, grid: Array, mode: str = "linear", padding_mode: str = "zeros", align_corners: int = 0, **_: Any
    ) -> tuple[Array]:
        sides = []
        for axis, size in enumerate(x.shape[2:]):
            at = grid[..., -1 - axis].reshape(len(x), -1)
            at = (at + 1) / 2 * (size - 1) if align_corners else ((at + 1) * size - 1) / 2
            sides.append(_neighbours(at, size, mode.removeprefix("bi"), padding_mode, bool(align_corners)))
        found = _sampled(x, sides).reshape(*x.shape[:2], *grid.shape[1:-1])
        return (found.astype(x.dtype),)


class DeformConv(OpRun):
    """A convolution whose kernel's places are moved at each output. The evaluator's own finds them in float32."""

    op_domain = ""

    def _run(
        self, x: Array, w: Array, offset: Array, b: Array | None = None, mask: Array | None = None, *, group: int = 1,
        offset_group: int = 1, strides: Any = None, pads: Any = None, dilations: Any = None, **_: Any,
    ) -> tuple[Array]:  # fmt: skip
        strides, pads, dilations = strides or [1, 1], pads or [0] * 4, dilations or [1, 1]
        batch, shape = len(x), offset.shape[2:]
        moves = offset.reshape(batch, offset_group, *w.shape[2:], 2, *shape)
        masks = None if mask is None else mask.reshape(batch, offset_group, *w.shape[2:], *shape)
        base = np.meshgrid(
            *(np.arange(n) * s - p for n, s, p in zip(shape, strides, pads, strict=False)), indexing="ij"
        )
        weights = w.reshape(group, -1, *w.shape[1:])
        y = np.zeros((batch, group, weights.shape[1], *shape), x.dtype)
        for place in np.ndindex(*w.shape[2:]):
            parts = []
            for number, part in enumerate(np.split(x, offset_group, 1)):
                move = moves[(slice(None), number, *place)]  # [B, 2, *shape]
                at = [base[axis] + place[axis] * dilations[axis] + move[:, axis] for axis in (0, 1)]
                sides = [
                    _neighbours(at[n].reshape(batch, -1), part.shape[2 + n], "linear", "zeros", True) for n in (0, 1)
                ]
                taken = _sampled(part, sides).reshape(*part.shape[:2], *shape)
                parts.append(taken if masks is None else taken * masks[(slice(None), number, *place)][:, None])
            under = np.concatenate(parts, 1).reshape(batch, group, -1, *shape)
            y += np.einsum("bgihw,goi->bgohw", under, weights[(..., *place)])
        y = y.reshape(batch, -1, *shape)
        return (y if b is None else y + b.reshape(1, -1, 1, 1),)


def _sampled(x: Array, sides: list[list[Neighbour]]) -> Array:
    """x [B, C, *S] at the neighbours [B, places] along each axis, times their weights, summed: [B, C, places]."""
    samples = np.arange(len(x))[:, None]
    total = np.zeros((*sides[0][0][0].shape, x.shape[1]), x.dtype)
    for corner in itertools.product(*sides):
        places: Any = (samples, slice(None), *(place for place, _ in corner))
        weight = np.prod([part for _, part in corner], axis=0)[..., None]
        total += np.where(weight == 0, 0, x[places] * weight)
    return total.swapaxes(1, 2)


def _neighbours(at: Array, size: int, mode: str, around: str, aligned: bool) -> list[Neighbour]:
    """Places along one axis and their weights."""
    if mode == "nearest":
        found = [(_inside(np.rint(at), size, around, aligned), np.ones_like(at))]
    elif mode == "linear":
        at = _inside(at, size, around, aligned)
        part = at - np.floor(at)
        found = [(np.floor(at), 1 - part), (np.floor(at) + 1, part)]
    else:
        part = at - np.floor(at)
        found = [
            (_inside(np.floor(at) + shift, size, around, aligned), _cubic(np.abs(part - shift)))
            for shift in (-1, 0, 1, 2)
        ]
    return [
        (np.clip(place, 0, size - 1).astype(int), np.where((place < 0) | (place > size - 1), 0, weight))
        for place, weight in found
    ]


def _inside(at: Array, size: int, around: str, aligned: bool) -> Array:
    """Places as they are, or moved onto the axis."""
    if around == "reflection":
        low, span = (0.0, size - 1.0) if aligned else (-0.5, float(size))
        turn = np.mod(at - low, 2 * span) if span else np.zeros_like(at)
        at = np.minimum(turn, 2 * span - turn) + low
    return at if around == "zeros" else np.clip(at, 0, size - 1)


def _cubic(t: Array) -> Array:
    """The weight of a neighbour at a distance t of at most 2."""
    near = ((A + 2) * t - (A + 3)) * t * t + 1
    return np.where(t <= 1, near, ((A * t - 5 * A) * t + 8 * A) * t - 4 * A)


OWN = (AffineGrid, DeformConv, GridSample, Resize)
