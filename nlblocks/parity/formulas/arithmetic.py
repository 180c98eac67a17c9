"""Arithmetic element by element, and what hides or drops elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, Formula, operands


def of_one(function: Callable[[Array], Array]) -> Formula:
    """The formula f(x)."""
    return lambda arrays, attrs: function(arrays["x"])


def of_two(function: Callable[[Any, Any], Array]) -> Formula:
    """The formula f(x, other)."""
    return lambda arrays, attrs: function(*operands(arrays, attrs))


def add(arrays: Arrays, attrs: Attrs) -> Array:
    """x + α other"""
    x, other = operands(arrays, attrs)
    return x + other * (attrs.get("alpha", 1) or 1)


def addcmul(arrays: Arrays, attrs: Attrs) -> Array:
    """added + α x other"""
    return arrays["added"] + attrs.get("factor", 1) * arrays["x"] * arrays["other"]


def rsqrt(arrays: Arrays, attrs: Attrs) -> Array:
    """1 / √x"""
    return 1.0 / np.sqrt(arrays["x"])


def square(arrays: Arrays, attrs: Attrs) -> Array:
    """x²"""
    return arrays["x"] * arrays["x"]


def same(arrays: Arrays, attrs: Attrs) -> Array:
    """x"""
    return arrays["x"]


def clip(arrays: Arrays, attrs: Attrs) -> Array:
    """min(max(x, low), high)"""
    return np.clip(arrays["x"], attrs.get("low"), attrs.get("high"))


def scale(arrays: Arrays, attrs: Attrs) -> Array:
    """scale x + bias, or scale (x + bias)"""
    x = arrays["x"]
    if attrs.get("bias_after_scale", True):
        return x * attrs["scale"] + attrs["bias"]
    return (x + attrs["bias"]) * attrs["scale"]


def where(arrays: Arrays, attrs: Attrs) -> Array:
    """x where the mask is true, other elsewhere"""
    given = arrays["mask"].astype(bool)
    given = ~given if attrs.get("inverted") else given
    x, other = operands(arrays, attrs)
    return np.where(given, x, other)


def mask(arrays: Arrays, attrs: Attrs) -> Array:
    """x + mask; of a mask of truth values, x where it is true and -∞ elsewhere"""
    given = arrays["mask"]
    if given.dtype == bool:
        return np.where(~given if attrs.get("inverted") else given, arrays["x"], -np.inf)
    if attrs.get("inverted"):
        given = np.where(given == 0, given.min(), 0.0)
    return arrays["x"] + given


def masked_fill(arrays: Arrays, attrs: Attrs) -> Array:
    """The value where the mask is true, x elsewhere"""
    given = arrays["mask"]
    value: Any = arrays["value"] if "value" in arrays else attrs["value"]
    return np.where(~given if attrs.get("inverted") else given, value, arrays["x"])


def dropout(arrays: Arrays, attrs: Attrs) -> Array:
    """x u / (1 - p) in training, u zero with probability p, and x in evaluation

    ``mode`` other than "upscale_in_train": x u in training, and x (1 - p) in evaluation.
    """
    x, p = arrays["x"], float(attrs["p"])
    scaled = attrs.get("mode", "upscale_in_train") == "upscale_in_train"
    if not attrs.get("training"):
        return x if scaled else x * (1.0 - p)
    if p == 0.0:
        return x
    drawn = attrs["uniform"]  # the numbers that the mask was drawn from
    return x * (drawn >= p) * (1.0 / (1.0 - p) if scaled else 1.0)
