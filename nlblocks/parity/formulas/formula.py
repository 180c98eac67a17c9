"""What a formula is, and the few helpers that formulas of several kinds share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array

Arrays = Mapping[str, Array]
"""The inputs of an operation by role."""
Attrs = Mapping[str, Any]
Formula = Callable[[Arrays, Attrs], Array]


class Unknown(Exception):
    """There is no formula for this operation with these attributes."""


def operands(arrays: Arrays, attrs: Attrs) -> tuple[Any, Any]:
    """The two operands; a number is an attribute."""
    return arrays.get("x", attrs.get("x")), arrays.get("other", attrs.get("other"))


def per_channel(vector: Array | None, x: Array) -> Any:
    """[C] as it meets [B, C, ...]; 0 for none."""
    return 0.0 if vector is None else vector.reshape(1, -1, *[1] * (x.ndim - 2))


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -x))


def erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x
