"""Adaptive average pooling and bilinear interpolation along one axis, as matrices that every backend multiplies by.

Frameworks hold the weights of both in float32; here they are float64, computed once for all of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=256)
def adaptive_mean_matrix(extent: int, size: int) -> NDArray[Any]:
    """[size, extent]: row i is the mean of the positions from ⌊i·extent / size⌋ up to ⌈(i + 1)·extent / size⌉."""
    matrix = np.zeros((size, extent))
    for row in range(size):
        first, last = row * extent // size, -(-(row + 1) * extent // size)
        matrix[row, first:last] = 1.0 / (last - first)
    return _constant(matrix)


@lru_cache(maxsize=256)
def window_mean_matrix(extent: int, size: int) -> NDArray[Any]:
    """[extent // size, extent]: the means of windows of ``size`` positions; what does not fit is left out."""
    matrix = np.zeros((extent // size, extent))
    matrix[:, : extent // size * size] = np.kron(np.eye(extent // size), np.full(size, 1.0 / size))
    return _constant(matrix)


@lru_cache(maxsize=256)
def bilinear_matrix(extent: int, size: int, *, align_corners: bool) -> NDArray[Any]:
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
    return _constant(matrix)


def _constant(matrix: NDArray[Any]) -> NDArray[Any]:
    """The matrix, which is shared by all who ask, closed to writing."""
    matrix.flags.writeable = False
    return matrix
