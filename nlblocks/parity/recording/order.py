"""The order of a tensor's elements, and numbers that are moved as little as it takes to keep it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlblocks.backend import Array

INTEGERS = {"float64": np.int64, "float32": np.int32, "float16": np.int16}
"""Integers of the same size, in which the next number of a float is one more."""


def ranks(x: Array) -> Array:
    """The rank of each element, from 0, with equal elements equal; int32 of x's shape. x holds no NaN."""
    _, found = np.unique(x, return_inverse=True)
    return np.asarray(found.reshape(x.shape), np.int32)


def held_order(x: Array, rank: Array, zero: int = -1) -> Array:
    """x in the order of these ranks: elements of one rank are equal, and those of a higher one larger.

    An element that stands in order stays as it is; of equal ones that were moved apart the middle one counts; one that
    has fallen behind is put just above the one before it. What has the rank ``zero`` is 0, whatever it is now: less
    is below it and more above.
    """
    flat, place = x.reshape(-1), rank.reshape(-1)
    order = np.lexsort((flat, place))
    sorted_ranks = place[order]
    starts = np.flatnonzero(np.r_[True, sorted_ranks[1:] != sorted_ranks[:-1]])
    ends = np.r_[starts[1:], sorted_ranks.size]
    middles = flat[order[(starts + ends - 1) // 2]]
    if zero >= 0:
        tiny, own = np.finfo(x.dtype).tiny, sorted_ranks[starts]
        middles = np.where(own < zero, np.minimum(middles, -tiny), np.where(own > zero, np.maximum(middles, tiny), 0.0))
        middles = middles.astype(x.dtype)
    steps = _steps(middles)
    count = np.arange(steps.size, dtype=steps.dtype)
    level = _floats(np.maximum.accumulate(steps - count) + count, x.dtype)
    return level[np.searchsorted(sorted_ranks[starts], place)].reshape(x.shape)


def _steps(x: Array) -> Array:
    """Floats as integers in the same order, neighbours one apart; -0 as 0."""
    kind: Any = INTEGERS[x.dtype.name]
    bits = (x + x.dtype.type(0.0)).view(kind)
    return np.asarray(np.where(bits < 0, np.iinfo(kind).min - bits, bits))


def _floats(steps: Array, dtype: np.dtype[np.generic]) -> Array:
    kind: Any = INTEGERS[dtype.name]
    return np.asarray(np.where(steps < 0, np.iinfo(kind).min - steps, steps), kind).view(dtype)
