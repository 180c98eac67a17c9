"""Normalisations: (x - mean) / √(variance + eps) over other axes each, and softmax."""

from __future__ import annotations

import math

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, per_channel

RMS_EPS = 2.0**-52
"""Where RMS norm is given no eps, it takes the spacing of float64 at 1, as torch does."""
NORM_EPS = 1e-12
"""The least length that ``normalize`` divides by unless told, in both frameworks."""


def batch_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """Over batch and positions in training, with the running statistics in evaluation"""
    x = arrays["x"]
    if attrs.get("training"):
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axes), x.var(axes, ddof=int(attrs.get("ddof", 0)))
    else:
        mean, var = arrays["running_mean"], arrays["running_var"]
    y = (x - per_channel(mean, x)) / np.sqrt(per_channel(var, x) + attrs["eps"])
    return _affine(y, arrays, x)


def instance_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """Over positions"""
    x = arrays["x"]
    return _affine(_standard(x, tuple(range(2, x.ndim)), attrs), arrays, x)


def group_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """Over positions and the channels of a group"""
    x, groups = arrays["x"], int(attrs["groups"])
    grouped = x.reshape(x.shape[0], groups, -1)
    return _affine(_standard(grouped, (-1,), attrs).reshape(x.shape), arrays, x)


def layer_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """Over the last ``count`` axes, or as many as there are ``axes``"""
    x = arrays["x"]
    count = attrs.get("count") or (len(attrs["axes"]) if isinstance(attrs.get("axes"), tuple) else 1)
    y = _standard(x, tuple(range(x.ndim - count, x.ndim)), attrs)
    shape = x.shape[x.ndim - count :]
    if "weight" in arrays:
        y = y * arrays["weight"].reshape(shape)
    return y + arrays["bias"].reshape(shape) if "bias" in arrays else y


def rms_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """x / √(mean(x²) + eps) over the last axis; / (√mean(x²) + eps) where that is ``outside``"""
    x = arrays["x"]
    y = x / _rooted((x * x).mean(-1, keepdims=True), attrs.get("eps") or RMS_EPS, attrs)
    return y * arrays["weight"] if "weight" in arrays else y


def local_response_norm(arrays: Arrays, attrs: Attrs) -> Array:
    """x / (k + α mean(x² of ``size`` channels around))^β"""
    x, size = arrays["x"], int(attrs["size"])
    squares = np.pad(x * x, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    near = np.lib.stride_tricks.sliding_window_view(squares, size, axis=1).mean(-1)
    return np.asarray(x / (attrs["k"] + attrs["alpha"] * near) ** attrs["beta"])


def normalize(arrays: Arrays, attrs: Attrs) -> Array:
    """x / max(‖x‖ₚ, eps), or x / √(Σ x² + ``under_root``)"""
    x, p = arrays["x"], float(attrs.get("p", 2.0))
    if attrs.get("under_root") is not None:
        return x / np.sqrt((x * x).sum(attrs["axis"], keepdims=True) + attrs["under_root"])
    norm = np.linalg.norm(x, p, attrs["axis"], keepdims=True)
    return x / np.maximum(norm, attrs.get("eps", NORM_EPS))


def softmax(arrays: Arrays, attrs: Attrs) -> Array:
    """exp(x) / Σ exp(x)"""
    shifted = np.exp(arrays["x"] - arrays["x"].max(attrs["axis"], keepdims=True))
    return shifted / shifted.sum(attrs["axis"], keepdims=True)


def log_softmax(arrays: Arrays, attrs: Attrs) -> Array:
    """log(softmax(x))"""
    return np.log(softmax(arrays, attrs))


def _standard(x: Array, axes: tuple[int, ...], attrs: Attrs) -> Array:
    gap = x - x.mean(axes, keepdims=True)
    count = math.prod(x.shape[axis] for axis in axes)
    var = (gap * gap).sum(axes, keepdims=True) / np.float64(count - int(attrs.get("ddof", 0)))  # of one, unbiased: NaN
    return gap / _rooted(var, attrs["eps"], attrs)


def _rooted(var: Array, eps: float, attrs: Attrs) -> Array:
    """√(var + eps), or √var + eps where that is ``outside`` of the root."""
    return np.asarray(np.sqrt(var) + eps if attrs.get("outside") else np.sqrt(var + eps))


def _affine(y: Array, arrays: Arrays, x: Array) -> Array:
    """y times weight plus bias, per channel of x."""
    if "weight" in arrays:
        y = y * per_channel(arrays["weight"], x)
    return y + per_channel(arrays.get("bias"), x)
