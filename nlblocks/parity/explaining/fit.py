"""How many times as large one array is as another."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import TINY

NO_FACTOR = 1e-6
"""A factor this close to 1 is none: a constant that a framework holds as float32 is closer."""


def factor_between(mine: Array, theirs: Array) -> float:
    """The real factor that brings ``mine`` closest to ``theirs`` in the sum of squares; 0 where ``mine`` is zero."""
    return float(np.vdot(mine, theirs).real) / max(float(np.vdot(mine, mine).real), TINY)
