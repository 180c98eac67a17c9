"""The nudge: what one more rounding would do to an array, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator
from nlblocks.numerics.difference import CHUNK

BITS: dict[str, Any] = {"float64": np.int64, "float32": np.int32}
"""Integers of the same size: the next number outwards, of either sign, is one more."""


def nudged(array: Array, trial: int, name: str, dtype: str | None = None) -> Array:
    """Every element but 0 moved to the next number of the dtype, up or down at random; the array's own unless given.

    The directions depend on ``trial`` and ``name`` alone. Both parts of complex numbers move, in the complex dtype of
    that precision. Arrays of other dtypes than these stay.

    Zeros stay zeros. Rounding is relative to a number's size, so 0 carries none: it is a mask, padding, a pruned weight
    or what a ReLU left, and exact in every precision. Its neighbours are the smallest subnormals, some 300 decimal
    orders below any rounding, which one kernel flushes to zero and another does not, and which turn "equal to 0" and
    "tied" into something else: a nudge would show a jump that no rounding makes, and a floor that excuses too much.
    What is infinite or NaN stays as well.
    """
    dtype = dtype or array.real.dtype.name
    if array.dtype.kind not in "fc" or dtype not in BITS:
        return array
    result = np.array(array, dtype=dtype if array.dtype.kind == "f" else np.result_type(dtype, np.complex64), order="C")
    whole, flat = BITS[dtype], result.reshape(-1).view(dtype)
    stream, width = generator(trial, f"nudge:{name}").bit_generator, 8 * np.dtype(dtype).itemsize
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        # The first bit of what is drawn, which is random() < 0.5, against the number's sign: outwards or inwards.
        step = (stream.random_raw(part.size) >> np.uint64(64 - width)).astype(f"u{width // 8}").view(whole)
        step ^= part.view(whole)
        step >>= width - 2
        step |= 1
        moves = np.isfinite(part) & (part != 0)
        part.view(whole)[...] += step if moves.all() else step * moves
    return result
