"""Adaptive average pooling and bilinear interpolation in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nlblocks.specs.resampling import adaptive_mean_matrix, bilinear_matrix
from nlblocks_reference.scope import Array


def adaptive_mean(x: Array, sizes: Sequence[int]) -> Array:
    """x [B, C, H, W] → [B, C, *sizes]: means over windows ⌊i·H / size⌋ to ⌈(i + 1)·H / size⌉, which may overlap."""
    for axis, size in enumerate(sizes, 2):
        x = _along(x, adaptive_mean_matrix(x.shape[axis], size), axis)
    return x


def bilinear(x: Array, sizes: Sequence[int], *, align_corners: bool) -> Array:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    for axis, size in enumerate(sizes, 2):
        x = _along(x, bilinear_matrix(x.shape[axis], size, align_corners=align_corners), axis)
    return x


def _along(x: Array, matrix: Array, axis: int) -> Array:
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
