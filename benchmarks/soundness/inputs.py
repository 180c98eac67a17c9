"""Inputs where models decide: ties, zeros, whole numbers, thresholds, saturation; and plain random ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FLOATS: dict[str, Callable[[Array], Array]] = {
    "plain": lambda x: x,
    "ties": lambda x: np.round(2.0 * x) / 2.0,
    "zeros": lambda x: np.maximum(x, 0.0),
    "integers": lambda x: np.rint(2.0 * x),
    "thresholds": lambda x: np.where(np.abs(x) < 0.6, x, np.array([-3.0, 0.5, 1.0, 6.0])[np.int64(np.abs(9 * x)) % 4]),
    "saturated": lambda x: 30.0 * x,
    "repeated": lambda x: np.repeat(x[..., :1], x.shape[-1], axis=-1),
}
WHOLE: dict[str, Callable[[Array, int], Array]] = {
    "plain": lambda x, below: x,
    "ties": lambda x, below: x % max(below // 4, 1),
    "zeros": lambda x, below: np.where(x % 3 == 0, 0, x),
}


def varied(drawn: Array, below: int, how: str) -> Array:
    """A drawn input as its kind of input has it; labels to be ignored (-100) stay."""
    if drawn.dtype.kind == "f":
        return FLOATS[how](drawn.astype(np.float64)).astype(np.float32)
    return np.where(drawn < 0, drawn, WHOLE.get(how, WHOLE["plain"])(drawn, below)).astype(drawn.dtype)
