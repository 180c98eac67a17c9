"""Resize where it aligns corners, and GridSample: ONNX's evaluator has its places in float32, and is slow."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_resize import Resize as OnnxResize

from nlblocks.backend import Array

A = -0.75
"""The coefficient of GridSample's cubic."""


class Resize(OnnxResize):
    """Corners are aligned with the whole number of values that there are, as in torch, Paddle and onnxruntime."""

    op_domain = ""

    def _run(  # type: ignore[override]  # it is called with its attributes by name
        self, x: Array, roi: Array | None = None, scales: Array | None = None, sizes: Array | None = None, **attrs: Any
    ) -> Any:
        if attrs.get("coordinate_transformation_mode") == "align_corners" and scales is not None and scales.size:
            axes = attrs.get("axes") or range(x.ndim)
            scales, sizes = None, np.floor(scales * np.array([x.shape[axis] for axis in axes])).astype(np.int64)
        scales = None if scales is None or not scales.size else scales
        return super()._run(x, roi, scales, sizes, **attrs)


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
            sides.append(self._neighbours(at, size, mode.removeprefix("bi"), padding_mode, bool(align_corners)))
        samples = np.arange(len(x))[:, None]
        total = np.zeros((len(x), int(np.prod(grid.shape[1:-1])), x.shape[1]), x.dtype)
        for corner in itertools.product(*sides):
            places: Any = (samples, slice(None), *(place for place, _ in corner))
            taken = x[places]  # [B, places, C]
            weight = np.prod([part for _, part in corner], axis=0)
            total += np.where(weight[..., None] == 0, 0, taken * weight[..., None])
        return (total.swapaxes(1, 2).reshape(*x.shape[:2], *grid.shape[1:-1]).astype(x.dtype),)

    def _neighbours(self, at: Array, size: int, mode: str, around: str, aligned: bool) -> list[tuple[Array, Array]]:
        """Places along one axis and their weights."""
        if mode == "nearest":
            found = [(self._inside(np.rint(at), size, around, aligned), np.ones_like(at))]
        elif mode == "linear":
            at = self._inside(at, size, around, aligned)
            part = at - np.floor(at)
            found = [(np.floor(at), 1 - part), (np.floor(at) + 1, part)]
        else:
            part = at - np.floor(at)
            found = [
                (self._inside(np.floor(at) + shift, size, around, aligned), _cubic(np.abs(part - shift)))
                for shift in (-1, 0, 1, 2)
            ]
        return [
            (np.clip(place, 0, size - 1).astype(int), np.where((place < 0) | (place > size - 1), 0, weight))
            for place, weight in found
        ]

    @staticmethod
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


OWN = (GridSample, Resize)
