"""Adaptive average pooling and bilinear interpolation in NumPy, a matrix along each axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlblocks_reference.scope import Array


def adaptive_mean(x: Array, sizes: Sequence[int]) -> Array:
    """x [B, C, H, W] → [B, C, *sizes]: means over windows ⌊i·H / size⌋ to ⌈(i + 1)·H / size⌉, which may overlap."""
    for axis, size in enumerate(sizes, 2):
        x = _along(x, _means(x.shape[axis], size), axis)
    return x


def bilinear(x: Array, sizes: Sequence[int], *, align_corners: bool) -> Array:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    for axis, size in enumerate(sizes, 2):
        x = _along(x, _between(x.shape[axis], size, align_corners), axis)
    return x


def nearest(x: Array, sizes: Sequence[int]) -> Array:
    """x [B, C, H, W] → [B, C, *sizes]: place i is that of ⌊i·H / size⌋."""
    for axis, size in enumerate(sizes, 2):
        x = x.take([i * x.shape[axis] // size for i in range(size)], axis)
    return x


def _along(x: Array, matrix: Array, axis: int) -> Array:
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)


def _means(extent: int, size: int) -> Array:
    """[size, extent]: row i is the mean of the positions from ⌊i·extent / size⌋ up to ⌈(i + 1)·extent / size⌉."""
    matrix = np.zeros((size, extent))
    for row in range(size):
        first, last = row * extent // size, -(-(row + 1) * extent // size)
        matrix[row, first:last] = 1.0 / (last - first)
    return matrix


def _between(extent: int, size: int, align_corners: bool) -> Array:
    """[size, extent]: row i weighs the two positions around that of i among ``extent``.

    With ``align_corners`` the first and the last positions of both lie on each other: i·(extent - 1) / (size - 1).
    Without, their edges do: (i + ½)·extent / size - ½, at least 0. Beyond the last position its value goes on.
    """
    matrix = np.zeros((size, extent))
    for row in range(size):
        if align_corners:
            place = row * (extent - 1) / (size - 1) if size > 1 else 0.0
        else:
            place = max((row + 0.5) * extent / size - 0.5, 0.0)
        low = min(int(place), extent - 1)
        share = place - low
        matrix[row, low] += 1.0 - share
        matrix[row, min(low + 1, extent - 1)] += share
    return matrix
