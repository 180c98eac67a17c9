"""Operations with windows: convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs
from nlblocks.parity.tracing import vocabulary

Index = tuple[Any, ...]


def _pairs(padding: Any, x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """Padding as (before, after) per axis, "same" and "valid" worked out."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        return vocabulary.same_padding(x.shape[2:], kernel, stride, dilation)
    return [tuple(pair) for pair in padding]


def _patches(x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Array:
    """[B, C, *out, *kernel]: every window of x, as a view."""
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    axes = tuple(range(2, x.ndim))
    view = np.lib.stride_tricks.sliding_window_view(x, extents, axis=axes)
    steps = tuple(slice(None, None, s) for s in stride)
    inner = tuple(slice(None, None, d) for d in dilation)
    return view[(slice(None), slice(None), *steps, *inner)]


def conv(arrays: Arrays, attrs: Attrs) -> Array:
    """Σ window · weight + b, per group of channels"""
    x, weight = arrays["x"], arrays["weight"]
    kernel, groups = weight.shape[2:], int(attrs.get("groups", 1))
    stride, dilation = attrs["stride"], attrs["dilation"]
    x = np.pad(x, [(0, 0), (0, 0), *_pairs(attrs["padding"], x, kernel, stride, dilation)])
    patches = _patches(x, kernel, stride, dilation)  # [B, C, *out, *kernel]
    n = len(kernel)
    outputs = []
    for part, rows in zip(np.split(patches, groups, 1), np.split(weight, groups, 0), strict=True):
        axes = [1, *range(2 + n, 2 + 2 * n)]
        outputs.append(np.moveaxis(np.tensordot(part, rows, (axes, list(range(1, 2 + n)))), -1, 1))
    y = np.concatenate(outputs, 1)
    return y + arrays["bias"].reshape(1, -1, *[1] * n) if "bias" in arrays else y


def conv_transpose(arrays: Arrays, attrs: Attrs) -> Array:
    """x · weight added into every window, + b: the transpose of conv in x"""
    x, weight = arrays["x"], arrays["weight"]  # [B, C, ...], [C, O / groups, *kernel]
    kernel, groups = weight.shape[2:], int(attrs.get("groups", 1))
    stride, dilation = attrs["stride"], attrs["dilation"]
    extra = attrs.get("output_padding") or (0,) * len(kernel)
    pairs = _pairs(attrs["padding"], x, kernel, stride, dilation)
    sizes = [
        (size - 1) * s + d * (k - 1) + 1 + e
        for size, s, d, k, e in zip(x.shape[2:], stride, dilation, kernel, extra, strict=True)
    ]
    y = np.zeros((x.shape[0], weight.shape[1] * groups, *sizes))
    width = weight.shape[1]
    for g, (part, rows) in enumerate(zip(np.split(x, groups, 1), np.split(weight, groups, 0), strict=True)):
        for offset in np.ndindex(*kernel):
            value = np.moveaxis(np.tensordot(part, rows[(slice(None), slice(None), *offset)], ([1], [0])), -1, 1)
            spots: Index = tuple(
                slice(o * d, o * d + (size - 1) * s + 1, s)
                for o, d, s, size in zip(offset, dilation, stride, x.shape[2:], strict=True)
            )
            y[(slice(None), slice(g * width, (g + 1) * width), *spots)] += value
    crop: Index = tuple(slice(before, size - after) for (before, after), size in zip(pairs, sizes, strict=True))
    y = y[(slice(None), slice(None), *crop)]
    return y + arrays["bias"].reshape(1, -1, *[1] * len(kernel)) if "bias" in arrays else y


def _extent(size: int, k: int, s: int, pair: tuple[int, int], d: int, ceil: bool, keep_last: bool) -> int:
    """Windows along one axis; with ceil, a last window that would start in the padding is dropped unless kept."""
    span = size + sum(pair) - d * (k - 1) - 1
    count = (math.ceil(span / s) if ceil else span // s) + 1
    if ceil and not keep_last and (count - 1) * s >= size + pair[0]:
        count -= 1
    return count


def _pool_windows(arrays: Arrays, attrs: Attrs, fill: float) -> tuple[Array, Array]:
    """Windows of x, padded with ``fill``, and of a mask: 1 for what counts in a mean, 0 for the rest."""
    x, kernel, stride = arrays["x"], attrs["kernel"], attrs["stride"]
    dilation = attrs.get("dilation") or (1,) * len(kernel)
    pairs = _pairs(attrs["padding"], x, kernel, stride, dilation)
    ceil, keep_last = bool(attrs.get("ceil_mode")), bool(attrs.get("keep_last"))
    axes = list(zip(x.shape[2:], kernel, stride, pairs, dilation, strict=True))
    sizes = [_extent(size, k, s, pair, d, ceil, keep_last) for size, k, s, pair, d in axes]
    widths = [
        (pair[0], max((count - 1) * s + d * (k - 1) + 1 - size - pair[0], 0))
        for count, (size, k, s, pair, d) in zip(sizes, axes, strict=True)
    ]
    padded = np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)
    counted = np.zeros(padded.shape[2:])
    whole = bool(attrs.get("count_include_pad"))
    region: Index = tuple(
        slice(0 if whole else pair[0], pair[0] + size + (pair[1] if whole else 0)) for size, _, _, pair, _ in axes
    )
    counted[region] = 1.0
    crop = (slice(None), slice(None), *[slice(0, size) for size in sizes])
    patches = _patches(padded, kernel, stride, dilation)
    return patches[crop], _patches(counted[None, None], kernel, stride, dilation)[crop]


def max_pool(arrays: Arrays, attrs: Attrs) -> Array:
    """The largest of each window"""
    patches, _ = _pool_windows(arrays, attrs, -np.inf)
    n = len(attrs["kernel"])
    return patches.max(tuple(range(patches.ndim - n, patches.ndim)))


def avg_pool(arrays: Arrays, attrs: Attrs) -> Array:
    """The sum of each window, divided by the divisor or by the elements that count"""
    patches, counts = _pool_windows(arrays, attrs, 0.0)
    n = len(attrs["kernel"])
    axes = tuple(range(patches.ndim - n, patches.ndim))
    return patches.sum(axes) / (attrs.get("divisor") or counts.sum(axes))


def _adaptive(arrays: Arrays, attrs: Attrs, reduce: Any) -> Array:
    """Cell i of s takes the elements from ⌊i n / s⌋ up to ⌈(i + 1) n / s⌉ of n, along each axis."""
    x, size = arrays["x"], attrs["size"]
    n = x.ndim - 2
    sizes = (size,) * n if isinstance(size, int) else tuple(size) * (n if len(size) == 1 else 1)
    sizes = tuple(extent if want is None else want for want, extent in zip(sizes, x.shape[2:], strict=True))
    y = np.empty((*x.shape[:2], *sizes))
    flat = y.reshape(*x.shape[:2], -1)  # a view
    for number, cell in enumerate(np.ndindex(*sizes)):
        window: Index = tuple(
            slice(i * extent // s, -(-(i + 1) * extent // s))
            for i, extent, s in zip(cell, x.shape[2:], sizes, strict=True)
        )
        flat[:, :, number] = reduce(x[(slice(None), slice(None), *window)], axis=tuple(range(2, x.ndim)))
    return y


def adaptive_avg_pool(arrays: Arrays, attrs: Attrs) -> Array:
    """The mean of each of ``size`` cells"""
    return _adaptive(arrays, attrs, np.mean)


def adaptive_max_pool(arrays: Arrays, attrs: Attrs) -> Array:
    """The largest of each of ``size`` cells"""
    return _adaptive(arrays, attrs, np.max)
