"""How far two arrays are apart, with no tolerance in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array

UNDETERMINED = 2.0**-24 * 2.0**-12
"""A noise floor beyond this share of a value, 2^-12 of its spacing in float32, may tip the value's rounding there."""
CHUNK = 2**18
"""Elements that are looked at together: few enough to stay in the cache, whatever the size of the array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What separates two arrays. ``problem`` is set, and the numbers mean nothing, where they cannot be compared.

    ``error`` is the largest |left - right|, found at ``index`` with the two ``values``; ``scale`` is the largest
    magnitude in either array; ``bits_equal`` of ``bits_total`` elements are equal after rounding to float32, among
    those that the noise floor leaves determined (see :func:`measure`); ``same`` of ``size`` are, among all.
    """

    problem: str = ""
    error: float = 0.0
    scale: float = 0.0
    index: tuple[int, ...] = ()
    values: tuple[float, float] = (0.0, 0.0)
    bits_equal: int = 0
    bits_total: int = 0
    same: int = 0
    size: int = 0

    @property
    def relative(self) -> float:
        """``error`` in units of ``scale``; 0 where both arrays are zero."""
        return self.error / self.scale if self.scale else 0.0


def measure(left: Array, right: Array, *, noise: float | Array = 0.0) -> Difference:
    """Compare two arrays of one shape and dtype; a shape, dtype, NaN or infinity is a problem, never a pass.

    ``noise`` is the arrays' noise floor, or that of each element. Elements so small that it exceeds 2^-12 of their
    float32 spacing may round either way: they are compared like all others, but not counted in the bits.
    """
    if left.shape != right.shape:
        return Difference(problem=f"shapes differ: {left.shape} and {right.shape}")
    if left.dtype != right.dtype:
        return Difference(problem=f"dtypes differ: {left.dtype} and {right.dtype}")
    for side, array in (("left", left), ("right", right)):
        if not np.isfinite(array).all():
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            return Difference(problem=f"the {side} has {array[first]} at {list(first)}")
    if left.size == 0:
        return Difference()
    a, b = left.reshape(-1), right.reshape(-1)
    floors = np.asarray(noise, np.float64).reshape(-1)
    error, where, scale = -1.0, 0, 0.0
    bits_equal = bits_total = same = 0
    for start in range(0, a.size, CHUNK):
        x, y = a[start : start + CHUNK], b[start : start + CHUNK]
        distance = gap(x, y)
        largest = np.maximum(np.abs(x), np.abs(y))
        position = int(distance.argmax())
        if distance[position] > error:
            error, where = float(distance[position]), start + position
        scale = max(scale, float(largest.max()))
        counted = largest * UNDETERMINED >= (floors if floors.size == 1 else floors[start : start + CHUNK])
        with np.errstate(over="ignore"):  # past float32, both are infinite
            equal = x.astype(np.float32) == y.astype(np.float32)
        bits_equal += int((equal & counted).sum())
        bits_total += int(counted.sum())
        same += int(equal.sum())
    return Difference(
        error=error,
        scale=scale,
        index=tuple(int(i) for i in np.unravel_index(where, left.shape)),
        values=(float(a[where]), float(b[where])),
        bits_equal=bits_equal,
        bits_total=bits_total,
        same=same,
        size=left.size,
    )


def gap(a: Array, b: Array) -> Array:
    """|a - b| in float64, infinite where that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):  # inf - inf is NaN
        return np.abs(a.astype(np.float64, copy=False) - b.astype(np.float64, copy=False))
