"""Where Paddle's pooling and resizing kernels read along one axis, as matrices [out, in] in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlblocks.backend import Array

CUBIC = -0.75
"""The parameter of Paddle's cubic convolution (Keys 1981)."""


def bins(size: int, out: int) -> Array:
    """The mean of each of ``out`` parts of an axis, which overlap where they do not divide it."""
    matrix = np.zeros((out, size))
    for i in range(out):
        low, high = i * size // out, -(-(i + 1) * size // out)
        matrix[i, low:high] = 1.0 / (high - low)
    return matrix


def before(
    padding: Sequence[int], axis: int, axes: int, algorithm: str, size: int, out: int, kernel: int, stride: int
) -> int:
    """The padding ahead of an axis."""
    if algorithm == "SAME":
        return max((out - 1) * stride + kernel - size, 0) // 2
    if algorithm == "VALID":
        return 0
    return padding[axis] if len(padding) == axes else padding[2 * axis]


def windows(size: int, out: int, kernel: int, stride: int, pad: int) -> Array:
    """The sum of each window, as far as it lies on the axis."""
    matrix = np.zeros((out, size))
    for i in range(out):
        start = i * stride - pad
        matrix[i, max(start, 0) : max(start + kernel, 0)] = 1.0
    return matrix


def targets(size: int, out: int, scale: float, aligned: bool, from_edges: bool, *, clipped: bool) -> Array:
    """Where each position of a resized axis reads; ``scale`` 0 is the ratio of the extents."""
    position = np.arange(out)
    if aligned:
        return position * ((size - 1) / (out - 1) if out > 1 else 0.0)
    ratio = (1.0 / scale if scale > 0 else size / out) if out > 1 else 0.0
    where = position * ratio if from_edges else (position + 0.5) * ratio - 0.5
    return np.maximum(where, 0.0) if clipped else where


def linear(size: int, where: Array) -> Array:
    """The two elements around each place."""
    low = np.floor(where)
    return _around(size, low, {0: 1.0 - (where - low), 1: where - low})


def cubic(size: int, where: Array) -> Array:
    """The four elements around each place, those at the ends repeated."""
    low = np.floor(where)
    t = where - low

    def near(x: Array) -> Array:
        return ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0

    def far(x: Array) -> Array:
        return ((CUBIC * x - 5.0 * CUBIC) * x + 8.0 * CUBIC) * x - 4.0 * CUBIC

    return _around(size, low, {-1: far(t + 1.0), 0: near(t), 1: near(1.0 - t), 2: far(2.0 - t)})


def _around(size: int, low: Array, weights: dict[int, Array]) -> Array:
    matrix, rows = np.zeros((len(low), size)), np.arange(len(low))
    for step, weight in weights.items():
        np.add.at(matrix, (rows, np.clip(low.astype(int) + step, 0, size - 1)), weight)
    return matrix
