"""Products with matrices, and attention."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs
from nlblocks.parity.formulas.normalisations import softmax


def linear(arrays: Arrays, attrs: Attrs) -> Array:
    """x Wᵀ + b"""
    return arrays["x"] @ arrays["weight"].T + arrays.get("bias", 0.0)


def matmul(arrays: Arrays, attrs: Attrs) -> Array:
    """x other, either transposed first if so told"""
    left, right = arrays["x"], arrays["other"]
    left = np.swapaxes(left, -1, -2) if attrs.get("transpose_x") else left
    right = np.swapaxes(right, -1, -2) if attrs.get("transpose_other") else right
    return left @ right


def addmm(arrays: Arrays, attrs: Attrs) -> Array:
    """β added + α x other"""
    return attrs.get("beta", 1) * arrays["added"] + attrs.get("alpha", 1) * (arrays["x"] @ arrays["other"])


def einsum(arrays: Arrays, attrs: Attrs) -> Array:
    """The sum of products that the equation names"""
    operands = [value for role, value in arrays.items() if role.startswith("x")]
    return np.einsum(attrs["equation"], *operands)


def attention(arrays: Arrays, attrs: Attrs) -> Array:
    """softmax(scale Q Kᵀ + mask) V over [..., L, D]; ``layout`` "blhd" has heads after positions."""
    query, key, value = arrays["query"], arrays["key"], arrays["value"]
    if attrs.get("layout") == "blhd":
        query, key, value = (np.swapaxes(array, 1, 2) for array in (query, key, value))
    scale = attrs.get("scale") or query.shape[-1] ** -0.5
    scores = query @ np.swapaxes(key, -1, -2) * scale
    if attrs.get("causal"):
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if "mask" in arrays:
        mask = arrays["mask"]
        mask = ~mask if attrs.get("inverted") and mask.dtype == bool else mask
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    result = softmax({"x": scores}, {"axis": -1}) @ value
    return np.swapaxes(result, 1, 2) if attrs.get("layout") == "blhd" else result
