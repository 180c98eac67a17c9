"""The order of a tensor's elements, and numbers that are moved as little as it takes to keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array

INTEGERS = {"float64": np.int64, "float32": np.int32, "float16": np.int16}
"""Integers of the same size, in which the next number of a float is one more."""


@dataclass(frozen=True, slots=True)
class Order:
    """The elements of a tensor without NaN in ``order``, equal ones together: where each such group ``starts``.

    ``zero`` is the group of the zeros, -1 where there are none.
    """

    shape: tuple[int, ...]
    order: Array
    starts: Array
    zero: int

    @property
    def size(self) -> int:
        return self.order.size

    @classmethod
    def of(cls, x: Array) -> Order:
        flat = x.reshape(-1)
        order = np.argsort(flat)
        found = flat[order]
        starts = np.flatnonzero(np.r_[True, found[1:] != found[:-1]])
        zeros = np.flatnonzero(found[starts] == 0)
        return cls(x.shape, order.astype(np.int32), starts.astype(np.int32), int(zeros[0]) if zeros.size else -1)

    def held(self, x: Array) -> Array:
        """x in this order: the elements of one group are equal, and those of a later one larger.

        An element that stands in order stays as it is; of equal ones that were moved apart the middle one counts; one
        that has fallen behind is put just above the one before it. The zeros are 0, whatever they are now: less is
        below them and more above.
        """
        if self.shape != x.shape:
            return x
        sizes = np.diff(self.starts, append=self.size)
        middles = self._sorted(x.reshape(-1)[self.order], sizes)[self.starts + (sizes - 1) // 2]
        if self.zero >= 0:
            tiny = np.finfo(x.dtype).tiny
            below, above = middles[: self.zero], middles[self.zero + 1 :]
            np.minimum(below, -tiny, out=below)
            np.maximum(above, tiny, out=above)
            middles[self.zero] = 0.0
        steps = _steps(middles)
        count = np.arange(steps.size, dtype=steps.dtype)
        level = _floats(np.maximum.accumulate(steps - count) + count, x.dtype)
        result = np.empty(self.size, x.dtype)
        result[self.order] = np.repeat(level, sizes)
        return result.reshape(x.shape)

    def _sorted(self, found: Array, sizes: Array) -> Array:
        """The elements, group by group, with those of each group in order; but for the zeros."""
        several = sizes > 1
        if self.zero >= 0:
            several[self.zero] = False
        if several.any():
            which = np.repeat(several, sizes)
            part, groups = found[which], np.repeat(np.flatnonzero(several), sizes[several])
            found[which] = part[np.lexsort((part, groups))]
        return found


def _steps(x: Array) -> Array:
    """Floats as integers in the same order, neighbours one apart; -0 as 0."""
    kind: Any = INTEGERS[x.dtype.name]
    bits = (x + x.dtype.type(0.0)).view(kind)
    return np.asarray(np.where(bits < 0, np.iinfo(kind).min - bits, bits))


def _floats(steps: Array, dtype: np.dtype[np.generic]) -> Array:
    kind: Any = INTEGERS[dtype.name]
    return np.asarray(np.where(steps < 0, np.iinfo(kind).min - steps, steps), kind).view(dtype)
