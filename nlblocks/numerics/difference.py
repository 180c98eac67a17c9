"""How far two arrays are apart, with no tolerance in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nlblocks.backend import Array

UNDETERMINED = 2.0**-24 * 2.0**-12
"""A noise floor beyond this share of a value, 2^-12 of its spacing in float32, may tip the value's rounding there."""
CHUNK = 2**18
"""Elements that are looked at together: few enough to stay in the cache, whatever the size of the array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What separates two arrays. ``problem`` is set, and the numbers mean nothing, where they cannot be compared.

    ``spoilt`` is the side whose NaN or infinity that is, if it is one.

    ``error`` is the largest |left - right|, found at ``index`` with the two ``values``; ``scale`` is the largest
    magnitude in either array; ``bits_equal`` of ``bits_total`` elements are equal after rounding to float32, among
    those that the noise floor leaves determined (see :func:`measure`); ``same`` of ``size`` are, among all. ``nan`` and
    ``infinite`` elements are so on both sides: what the numbers say is said of the others.
    """

    problem: str = ""
    spoilt: Literal["", "left", "right"] = ""
    error: float = 0.0
    scale: float = 0.0
    index: tuple[int, ...] = ()
    values: tuple[complex, complex] = (0.0, 0.0)
    bits_equal: int = 0
    bits_total: int = 0
    same: int = 0
    size: int = 0
    nan: int = 0
    infinite: int = 0

    @property
    def not_finite(self) -> str:
        """What is NaN or infinite on both sides, in words; "" for nothing."""
        counts = (self.nan, "NaN"), (self.infinite, "infinite")
        found = " and ".join(f"{count} {what}" for count, what in counts if count)
        return f"of {self.size} elements {found} on both sides" if found else ""

    @property
    def relative(self) -> float:
        """``error`` in units of ``scale``; 0 where both arrays are zero."""
        return self.error / self.scale if self.scale else 0.0


def measure(left: Array, right: Array, *, noise: float | Array = 0.0, alike: bool = False) -> Difference:
    """Compare two arrays of one shape and dtype; a shape, dtype, NaN or infinity is a problem, never a pass.

    With ``alike``, what is NaN on both sides, or the same infinity, is counted, and the rest is compared. ``noise`` is
    the arrays' noise floor, or that of each element. Elements so small that it exceeds 2^-12 of their float32 spacing
    may round either way: they are compared like all others, but not counted in the bits. Complex numbers are compared
    whole, by the magnitude of what lies between them; integers are exact, however large.
    """
    if left.shape != right.shape:
        return Difference(problem=f"shapes differ: {left.shape} and {right.shape}")
    if left.dtype != right.dtype:
        return Difference(problem=f"dtypes differ: {left.dtype} and {right.dtype}")
    held = _not_finite(left, right, alike=alike)
    if isinstance(held, Difference):
        return held
    if left.size == 0:
        return Difference()
    a, b = left.reshape(-1), right.reshape(-1)
    floors = np.asarray(noise, np.float64).reshape(-1)
    single = {"f": np.float32, "c": np.complex64}.get(left.dtype.kind, left.dtype)
    error, where, scale = -1.0, 0, 0.0
    bits_equal = bits_total = same = 0
    for start in range(0, a.size, CHUNK):
        x, y = a[start : start + CHUNK], b[start : start + CHUNK]
        distance = gap(x, y)
        largest = np.maximum(np.abs(x), np.abs(y))
        if held:
            largest = np.where(np.isfinite(largest), largest, 0.0)
        position = int(distance.argmax())
        if distance[position] > error:
            error, where = float(distance[position]), start + position
        scale = max(scale, float(largest.max()))
        counted = largest * UNDETERMINED >= (floors if floors.size == 1 else floors[start : start + CHUNK])
        with np.errstate(over="ignore"):  # past float32, both are infinite
            equal = x.astype(single) == y.astype(single)
        bits_equal += int((equal & counted).sum())
        bits_total += int(counted.sum())
        same += int(equal.sum())
    return Difference(
        error=error,
        scale=scale,
        index=tuple(int(i) for i in np.unravel_index(where, left.shape)),
        values=(_number(a[where]), _number(b[where])),
        bits_equal=bits_equal,
        bits_total=bits_total,
        same=same,
        size=left.size,
        nan=int((np.isnan(a)).sum()) if held else 0,
        infinite=int((np.isinf(a)).sum()) if held else 0,
    )


def _not_finite(left: Array, right: Array, *, alike: bool) -> bool | Difference:
    """Whether the sides hold NaN or infinity, alike where that is allowed; what is wrong with it where it is not."""
    held = ~np.isfinite(left), ~np.isfinite(right)
    if not (held[0].any() or held[1].any()):
        return False
    apart = ~_equal(left, right) if alike else np.ones(left.shape, bool)
    sides: tuple[tuple[Literal["left", "right"], Array, Array], ...]
    sides = ("left", left, held[0] & apart), ("right", right, held[1] & apart)
    for side, array, wrong in sides:
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            beside = f", the right {right[first]}" if alike and side == "left" and not np.isfinite(right[first]) else ""
            return Difference(problem=f"the {side} has {array[first]} at {list(first)}{beside}", spoilt=side)
    return True


def _equal(a: Array, b: Array) -> Array:
    """Which elements are equal, NaN to NaN too."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _number(value: Any) -> complex:
    return complex(value) if np.iscomplexobj(value) else float(value)


def gap(a: Array, b: Array) -> Array:
    """|a - b| in float64: infinite where that overflows, 0 where both are NaN or the same infinity."""
    wide = np.result_type(a, b, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # inf - inf is NaN
        apart = np.abs(a.astype(wide, copy=False) - b.astype(wide, copy=False))
    if a.dtype.kind in "iub" and b.dtype.kind in "iub":
        return np.where(a == b, 0.0, np.maximum(apart, 1.0))  # float64 does not tell large ones apart
    return np.where(_equal(a, b), 0.0, apart) if np.isnan(apart).any() else apart
