"""Numbers that the format keeps as float32, and what was probably written there."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

DIGITS = 6
"""Decimals of up to so many digits are told apart by float32: such a one is what was written."""
KNOWN = 1.6732632423543772, 1.0507009873554805
"""The two numbers of SELU."""
LARGEST = 256
"""Numerators and denominators of ratios, and of the roots of ratios, that are looked for: 1 / 6, √(1 / 8), √(2 / π)."""


@cache
def written(value: float) -> float | None:
    """The number that float32 holds as ``value``: a short decimal, a ratio, the root of one; None where none is found.

    It differs from ``value`` by less than float32 can tell.
    """
    if not math.isfinite(value) or value == 0:
        return value
    text = str(np.float32(value))
    if len(text.partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")) <= DIGITS:
        return float(text)
    size = abs(value)
    roots = (math.sqrt(_ratio(size**2 / unit) * unit) for unit in (1.0, math.pi, 1 / math.pi))
    tried = (*KNOWN, _ratio(size), *roots)
    return next((math.copysign(one, value) for one in tried if one and _held(one, size)), None)


def _ratio(value: float) -> float:
    """The nearest ratio of small numbers; 0 where there is none near."""
    for below in range(1, LARGEST + 1):
        above = round(value * below)
        if 0 < above <= LARGEST and math.isclose(above / below, value, rel_tol=2.0**-22):
            return above / below
    return 0.0


def _held(number: float, value: float) -> bool:
    return bool(np.float32(number) == np.float32(value))
