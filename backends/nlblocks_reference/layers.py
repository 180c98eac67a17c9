"""The layers of the reference, written out in NumPy. Complex arrays pass through: see Block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nlblocks.specs import layers
from nlblocks_reference.scope import Array, Scope


def conv(
    x: Array,
    p: Scope,
    *,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """x [B, C, *spatial] with p.weight [O, C / groups, *kernel] → [B, O, *out]; cross-correlation, zero padding.

    Padding, stride and dilation are a number, or one per axis.
    """
    weight = p["weight"]
    dims = weight.ndim - 2
    paddings, strides, dilations = (
        (value,) * dims if isinstance(value, int) else tuple(value) for value in (padding, stride, dilation)
    )
    x = np.pad(x, [(0, 0), (0, 0), *((side, side) for side in paddings)])
    reach = tuple((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilations, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, x.ndim)))
    every = (slice(None), slice(None), *(slice(None, None, step) for step in (*strides, *dilations)))
    windows = windows[every]  # [B, C, *out, *kernel]
    kernel_axes = tuple(range(2 + dims, 2 + 2 * dims))
    parts = [
        np.tensordot(own, kernel, axes=((1, *kernel_axes), (1, *range(2, 2 + dims))))  # [B, *out, O / groups]
        for own, kernel in zip(np.split(windows, groups, axis=1), np.split(weight, groups), strict=True)
    ]
    y = np.moveaxis(np.concatenate(parts, -1), -1, 1)  # [B, O, *out]
    return y + per_channel(p["bias"], y) if "bias" in p else y


def conv_norm(
    x: Array, p: Scope, spec: layers.BatchNorm, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> Array:
    """``p.conv``, an odd kernel whose padding keeps the size but for the stride, then BatchNorm ``p.norm``."""
    padding = dilation * (p("conv")["weight"].shape[2] // 2)
    y = conv(x, p("conv"), padding=padding, stride=stride, dilation=dilation, groups=groups)
    return batch_norm(y, p("norm"), spec)


def flatten(x: Array) -> Array:
    """[B, C, *spatial] → [B, C, N], for an empty batch as well."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def linear(x: Array, p: Scope) -> Array:
    """x [..., I] with p.weight [O, I] → [..., O]."""
    y = x @ p["weight"].T
    return y + p["bias"] if "bias" in p else y


def channel_conv(x: Array, p: Scope, *, circular: bool = False) -> Array:
    """x [B, C] with p.weight [1, 1, K] along C → [B, C]; the ends are padded with zeros, or with each other."""
    sides = [(0, 0), (0, 0), (p["weight"].shape[2] // 2,) * 2]
    row = np.pad(x[:, None, :], sides, mode="wrap" if circular else "constant")
    return conv(row, p)[:, 0]


def batch_norm(x: Array, p: Scope, spec: layers.BatchNorm) -> Array:
    """x [B, C, ...] → the same shape; in training the running statistics are moved."""
    if p.training:
        layers.check_batch(x.shape[1], x.shape)
        axes = (0, *range(2, x.ndim))
        mean = x.mean(axes)
        var = ((x - per_channel(mean, x)) ** 2).mean(axes)  # biased
        count = x.size // x.shape[1]
        kept = var * count / (count - 1) if spec.variance == "unbiased" else var
        p.update("running_mean", (1 - spec.momentum) * p["running_mean"] + spec.momentum * mean)
        p.update("running_var", (1 - spec.momentum) * p["running_var"] + spec.momentum * kept)
    else:
        mean, var = p["running_mean"], p["running_var"]
    normal = (x - per_channel(mean, x)) / np.sqrt(per_channel(var, x) + spec.eps)
    return normal * per_channel(p["weight"], x) + per_channel(p["bias"], x)


def silu(x: Array) -> Array:
    """x · sigmoid(x)."""
    return x * sigmoid(x)


def gelu(x: Array) -> Array:
    """x · Φ(x), Φ by the error function; of a complex x to the first order in its imaginary part."""
    phi = 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(x.real / math.sqrt(2.0)))
    if np.iscomplexobj(x):
        phi = phi + 1j * x.imag * np.exp(-(x.real**2) / 2) / math.sqrt(2 * math.pi)
    return x * phi


def hard_swish(x: Array) -> Array:
    """x · relu6(x + 3) / 6, by the real part."""
    return x * hard_sigmoid(x, 1 / 6)


def relu(x: Array) -> Array:
    """max(x, 0), by the real part."""
    return np.where(x.real > 0, x, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), with no exponential of a large number."""
    e = np.exp(np.where(x.real > 0, -x, x))
    return np.where(x.real > 0, 1, e) / (1 + e)


def hard_sigmoid(x: Array, slope: float) -> Array:
    """``slope`` · x + 0.5 clipped to [0, 1], by the real part; where it is 0 or 1 the derivative is 0."""
    y = slope * x + 0.5
    return np.where(y.real <= 0, 0, np.where(y.real >= 1, 1, y))


def deviation(x: Array, axis: int, eps: float = 0.0) -> Array:
    """√(var + eps) along the axis, which is kept, var over n - 1."""
    centred = x - x.mean(axis, keepdims=True)
    return np.sqrt((centred**2).sum(axis, keepdims=True) / (x.shape[axis] - 1) + eps)


def maximum(x: Array, axis: int) -> Array:
    """The largest values along the axis, by the real part; the first of equal values is taken."""
    first = np.expand_dims(x.real.argmax(axis), axis)  # argmax returns the first
    return np.take_along_axis(x, first, axis).squeeze(axis)


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / Σ exp(x) along the axis."""
    e = np.exp(x - x.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def max_pool(x: Array, kernel: Sequence[int], *, stride: int | None = None, padding: int = 0) -> Array:
    """Maxima over windows of x [B, C, *spatial], extents rounded down; ``stride`` None is the kernel.

    The first of equal values is taken, in row-major order. Padding is never the maximum.
    """
    spatial = tuple(range(2, x.ndim))
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * len(spatial), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=spatial)
    steps = tuple(slice(None, None, stride or size) for size in kernel)
    windows = windows[(slice(None), slice(None), *steps)]  # [B, C, *out, *kernel]
    windows = windows.reshape(*windows.shape[: x.ndim], math.prod(kernel))  # [B, C, *out, window]
    first = windows.real.argmax(-1)  # argmax returns the first
    return np.take_along_axis(windows, first[..., None], -1)[..., 0]


def halved(x: Array) -> Array:
    """x [B, C, H, W] → [B, C, H // 2, W // 2]: the means of windows of 2×2; an odd last row or column is left out."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))[:, :, ::2, ::2]
    return windows.mean((-2, -1))


def dropout(x: Array, rate: float, p: Scope) -> Array:
    """Training zeroes a share ``rate`` and scales the rest by 1 / (1 - rate)."""
    if not p.training or rate == 0.0:
        return x
    return np.where(p.generator.random(x.shape) < rate, 0, x / (1 - rate))


def channel_dropout(x: Array, rate: float, p: Scope) -> Array:
    """:func:`dropout` of whole channels of x [B, C, ...]."""
    if not p.training or rate == 0.0:
        return x
    dropped = p.generator.random((*x.shape[:2], *[1] * (x.ndim - 2))) < rate
    return np.where(dropped, 0, x / (1 - rate))


def per_channel(vector: Array, x: Array) -> Array:
    """A vector [C] as it is reckoned with beside x [B, C, ...]."""
    return vector.reshape(1, -1, *[1] * (x.ndim - 2))
