"""How far two arrays are apart in units of their largest value, whatever their layout."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import EQUAL

HIDDEN = -9e3
"""A score from here down, among ordinary ones, is a masked one: -1e4, -65504 and -1e9 all stand for minus infinity."""
ORDINARY = 1e3
"""A score below this is no mask."""


def close(a: Array, b: Array, tolerance: float = EQUAL) -> bool:
    """Whether two arrays of one shape are equal up to float64 rounding, relative to their largest value."""
    if a.shape != b.shape:
        return False
    return distance(a, b) <= tolerance


def distance(a: Array, b: Array) -> float:
    """The largest difference of two arrays of one shape in units of the largest value; equal infinities are equal."""
    if a.size == 0:
        return 0.0
    a, b = unmasked(a.astype(np.float64)), unmasked(b.astype(np.float64))
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, gap)
        finite = np.concatenate([np.abs(a[np.isfinite(a)]), np.abs(b[np.isfinite(b)]), [0.0]])
        scale = float(finite.max())
        largest = float(gap.max()) if not np.isnan(gap).any() else float("inf")
    return largest / scale if scale else largest


def unmasked(array: Array) -> Array:
    """Scores with minus infinity for what is masked by a large number, which would drown all the others."""
    hidden = array < HIDDEN
    if not hidden.any():
        return array
    others = array[~hidden & np.isfinite(array)]
    return np.where(hidden, -np.inf, array) if np.abs(others).max(initial=0.0) < ORDINARY else array


def turned_distance(a: Array, b: Array, enough: float = EQUAL) -> float:
    """The least distance of two arrays of one shape when equal extents of one of them change places."""
    best = float("inf")
    if 2 <= a.ndim <= 5 and len(set(a.shape)) < a.ndim:
        for order in permutations(range(a.ndim)):
            if order != tuple(range(a.ndim)) and a.transpose(order).shape == b.shape and best > enough:
                best = min(best, distance(a.transpose(order), b))
    return best


def layout_distance(a: Array, b: Array, enough: float = EQUAL) -> float:
    """The distance of two arrays of one size: as they are, reshaped or, where their shapes differ, transposed."""
    if a.shape == b.shape:
        return distance(a, b)
    best = distance(a.ravel(), b.ravel())
    if best <= enough:
        return best
    a, b = a.reshape(_squeezed(a.shape)), b.reshape(_squeezed(b.shape))
    if a.ndim == b.ndim and a.ndim <= 5 and sorted(a.shape) == sorted(b.shape):
        for order in permutations(range(a.ndim)):
            if tuple(a.shape[axis] for axis in order) == b.shape:
                best = min(best, distance(a.transpose(order), b))
                if best <= enough:
                    break
    return best


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1)
