"""Arrays moved by one unit in the last place: what a noise floor is measured with."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator
from nlblocks.numerics.difference import CHUNK


def nudged(array: Array, trial: int, name: str, dtype: str) -> Array:
    """Every element but 0 moved to the next number of the dtype, up or down at random."""
    if array.dtype.kind != "f" or dtype not in ("float64", "float32"):
        return array
    result = np.array(array, dtype=dtype, order="C")
    flat, stream = result.reshape(-1), generator(trial, f"nudge:{name}")
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        up = stream.random(part.size) < 0.5
        part[...] = np.where(part == 0, part, np.nextafter(part, np.where(up, np.inf, -np.inf).astype(part.dtype)))
    return result
