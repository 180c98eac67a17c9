"""Many elements to one, along axes or all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, Formula


def reduction(function: Callable[..., Array]) -> Formula:
    """The formula f(x) along ``axis``."""
    return lambda arrays, attrs: np.asarray(
        function(arrays["x"], axis=attrs.get("axis"), keepdims=bool(attrs.get("keepdim")))
    )


def var(arrays: Arrays, attrs: Attrs) -> Array:
    """Σ (x - mean)² / (n - 1), or / n where not ``unbiased``"""
    ddof = 1 if attrs.get("unbiased", True) else 0
    return np.asarray(arrays["x"].var(axis=attrs.get("axis"), ddof=ddof, keepdims=bool(attrs.get("keepdim"))))


def std(arrays: Arrays, attrs: Attrs) -> Array:
    """√var(x)"""
    return np.sqrt(var(arrays, attrs))


def median(arrays: Arrays, attrs: Attrs) -> Array:
    """The element in the middle; of an even number the lower one, or the mean of two"""
    x, axis = arrays["x"], attrs.get("axis")
    if attrs.get("even", "lower") == "mean":
        return np.asarray(np.median(x, axis=axis, keepdims=bool(attrs.get("keepdim"))))
    x = x.reshape(-1) if axis is None else x
    result = np.take(np.sort(x, axis=axis if axis is not None else 0), (x.shape[axis or 0] - 1) // 2, axis=axis or 0)
    return np.expand_dims(result, axis) if attrs.get("keepdim") and axis is not None else result
