"""How far two arrays are apart in units of their largest value, whatever their layout."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import EQUAL, unmasked

Layout = Literal["same", "any", "turned"]


def distance(a: Array, b: Array, *, layout: Layout = "same", enough: float = EQUAL) -> float:
    """The largest difference of two arrays in units of the largest value; equal infinities, and NaNs, are equal.

    Complex numbers are as far apart as the magnitude of their difference.

    ``layout`` says how the elements face each other. "same": two arrays of one shape as they are. "any": two of one
    size, as they are or, where their shapes differ, reshaped or transposed. "turned": two of one shape, with extents of
    one of them that are equal exchanged; infinity where none are. The best way counts, and a way that comes as close as
    ``enough`` ends the search.
    """
    if layout == "same":
        return _apart(a, b)
    return _rearranged(a, b, enough) if layout == "any" else _turned(a, b, enough)


def _apart(a: Array, b: Array) -> float:
    if a.size == 0:
        return 0.0
    wide = np.result_type(a, b, np.float64)
    a, b = unmasked(a.astype(wide)), unmasked(b.astype(wide))
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, gap)
        finite = np.concatenate([np.abs(a[np.isfinite(a)]), np.abs(b[np.isfinite(b)]), [0.0]])
        scale = float(finite.max())
        largest = float(gap.max()) if not np.isnan(gap).any() else float("inf")
    return largest / scale if scale else largest


def _turned(a: Array, b: Array, enough: float) -> float:
    best = float("inf")
    if 2 <= a.ndim <= 5 and len(set(a.shape)) < a.ndim:
        for order in permutations(range(a.ndim)):
            if order != tuple(range(a.ndim)) and a.transpose(order).shape == b.shape and best > enough:
                best = min(best, _apart(a.transpose(order), b))
    return best


def _rearranged(a: Array, b: Array, enough: float) -> float:
    if a.shape == b.shape:
        return _apart(a, b)
    best = _apart(a.ravel(), b.ravel())
    if best <= enough:
        return best
    a, b = a.reshape(_squeezed(a.shape)), b.reshape(_squeezed(b.shape))
    if a.ndim == b.ndim and a.ndim <= 5 and sorted(a.shape) == sorted(b.shape):
        for order in permutations(range(a.ndim)):
            if tuple(a.shape[axis] for axis in order) == b.shape:
                best = min(best, _apart(a.transpose(order), b))
                if best <= enough:
                    break
    return best


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1)
