"""Operations with windows and grids as NumPy formulas: convolution, pooling, padding, resizing, sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array

Arrays = Mapping[str, Array]
Attrs = Mapping[str, Any]
Index = tuple[Any, ...]


class Unknown(Exception):
    """There is no formula for this operation with these attributes."""


def _pairs(padding: Any, x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """Padding as (before, after) per axis, "same" and "valid" worked out."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        found = []
        for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            total = max((math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0)
            found.append((total // 2, total - total // 2))
        return found
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
            value = np.moveaxis(
                np.tensordot(
                    part, rows.reshape(*rows.shape[:2], -1)[:, :, np.ravel_multi_index(offset, kernel)], ([1], [0])
                ),
                -1,
                1,
            )
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
    """Windows of x and of a mask that tells x from padding (1) and from overhang (0 in ``inside``)."""
    x, kernel, stride = arrays["x"], attrs["kernel"], attrs["stride"]
    dilation = attrs.get("dilation") or (1,) * len(kernel)
    pairs = _pairs(attrs["padding"], x, kernel, stride, dilation)
    widths = []
    for size, k, s, pair, d in zip(x.shape[2:], kernel, stride, pairs, dilation, strict=True):
        count = _extent(size, k, s, pair, d, bool(attrs.get("ceil_mode")), bool(attrs.get("keep_last")))
        needed = (count - 1) * s + d * (k - 1) + 1
        widths.append((pair[0], max(needed - size - pair[0], 0)))
    padded = np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)
    inside = np.zeros(padded.shape[2:])
    region: Index = tuple(
        slice(
            0 if attrs.get("count_include_pad") else pair[0],
            pair[0] + size + (pair[1] if attrs.get("count_include_pad") else 0),
        )
        for size, pair in zip(x.shape[2:], pairs, strict=True)
    )
    inside[region] = 1.0
    patches = _patches(padded, kernel, stride, dilation)
    counts = _patches(inside[None, None], kernel, stride, dilation)
    sizes = [
        _extent(size, k, s, pair, d, bool(attrs.get("ceil_mode")), bool(attrs.get("keep_last")))
        for size, k, s, pair, d in zip(x.shape[2:], kernel, stride, pairs, dilation, strict=True)
    ]
    crop = (slice(None), slice(None), *[slice(0, size) for size in sizes])
    return patches[crop], counts[crop]


def max_pool(arrays: Arrays, attrs: Attrs) -> Array:
    patches, _ = _pool_windows(arrays, attrs, -np.inf)
    n = len(attrs["kernel"])
    return patches.max(tuple(range(patches.ndim - n, patches.ndim)))


def avg_pool(arrays: Arrays, attrs: Attrs) -> Array:
    patches, counts = _pool_windows(arrays, attrs, 0.0)
    n = len(attrs["kernel"])
    axes = tuple(range(patches.ndim - n, patches.ndim))
    return patches.sum(axes) / (attrs.get("divisor") or counts.sum(axes))


def _adaptive(arrays: Arrays, attrs: Attrs, reduce: Any) -> Array:
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
    return _adaptive(arrays, attrs, np.mean)


def adaptive_max_pool(arrays: Arrays, attrs: Attrs) -> Array:
    return _adaptive(arrays, attrs, np.max)


def pad(arrays: Arrays, attrs: Attrs) -> Array:
    x, given = arrays["x"], attrs["pad"]
    pairs = [(0, 0)] * x.ndim
    for i in range(len(given) // 2):
        pairs[x.ndim - 1 - i] = (given[2 * i], given[2 * i + 1])
    mode = attrs.get("mode", "constant")
    if mode == "constant":
        return np.pad(x, pairs, constant_values=attrs.get("value") or 0.0)
    name: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    return np.asarray(np.pad(x, pairs, mode=name))


def _targets(size: int, out: int, scale: float | None, aligned: bool, nearest: bool) -> Array:
    """Where each output position reads along one axis."""
    position = np.arange(out)
    if nearest:
        return np.minimum(np.floor(position * (size / out if scale is None else 1.0 / scale)), size - 1)
    if aligned:
        return position * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return np.maximum((position + 0.5) * (size / out if scale is None else 1.0 / scale) - 0.5, 0.0)


def _weights(size: int, where: Array) -> Array:
    """[out, in]: the matrix of linear interpolation at these places."""
    low = np.floor(where).astype(int)
    matrix = np.zeros((len(where), size))
    rows = np.arange(len(where))
    np.add.at(matrix, (rows, np.clip(low, 0, size - 1)), 1.0 - (where - low))
    np.add.at(matrix, (rows, np.clip(low + 1, 0, size - 1)), where - low)
    return matrix


def interpolate(arrays: Arrays, attrs: Attrs) -> Array:
    x, mode = arrays["x"], attrs.get("mode", "nearest")
    n = x.ndim - 2
    size, scale = attrs.get("size"), attrs.get("scale")
    scales = [None] * n
    if size is None:
        scales = list(scale) if isinstance(scale, tuple) else [scale] * n
        size = tuple(int(extent * s) for extent, s in zip(x.shape[2:], scales, strict=True))
    sizes = (size,) * n if isinstance(size, int) else tuple(size)
    if mode not in ("nearest", "bilinear", "linear", "trilinear"):
        raise Unknown(mode)
    for axis, (out, s) in enumerate(zip(sizes, scales, strict=True)):
        where = _targets(x.shape[axis + 2], out, s, bool(attrs.get("align_corners")), mode == "nearest")
        matrix = _weights(x.shape[axis + 2], where)
        x = np.moveaxis(np.tensordot(x, matrix, ([axis + 2], [1])), -1, axis + 2)
    return x


def grid_sample(arrays: Arrays, attrs: Attrs) -> Array:
    x, grid = arrays["x"], arrays["grid"]  # [B, C, H, W], [B, h, w, 2]
    if x.ndim != 4 or attrs.get("mode") not in ("bilinear", "nearest"):
        raise Unknown("grid_sample")
    height, width = x.shape[2:]
    places = []
    for k, size in ((1, height), (0, width)):
        g = grid[..., k]
        where = (g + 1) / 2 * (size - 1) if attrs.get("align_corners") else ((g + 1) * size - 1) / 2
        if attrs.get("padding_mode") == "border":
            where = np.clip(where, 0, size - 1)
        elif attrs.get("padding_mode") == "reflection":
            raise Unknown("reflection")
        places.append(where)
    y = np.zeros((*x.shape[:2], *grid.shape[1:3]))
    batch = np.arange(x.shape[0])[:, None, None]
    if attrs["mode"] == "nearest":
        corners = [(np.round(places[0]), np.round(places[1]), np.ones_like(places[0]))]
    else:
        low = [np.floor(p) for p in places]
        corners = [
            (low[0] + i, low[1] + j, np.abs(1 - i - (places[0] - low[0])) * np.abs(1 - j - (places[1] - low[1])))
            for i in (0, 1)
            for j in (0, 1)
        ]
    for row, column, weight in corners:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        r, c = np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)
        y += np.moveaxis(x[batch, :, r, c], -1, 1) * (weight * inside)[:, None]
    return y


def affine_grid(arrays: Arrays, attrs: Attrs) -> Array:
    theta, size = arrays["x"], attrs["size"]
    axes = []
    for extent in (size[-1], size[-2]):
        step = np.linspace(-1, 1, extent)
        axes.append(step if attrs.get("align_corners") else step * (extent - 1) / extent)
    xs, ys = np.meshgrid(axes[0], axes[1])
    base = np.stack([xs, ys, np.ones_like(xs)], -1)
    return np.einsum("hwk,bjk->bhwj", base, theta)


def pixel_shuffle(arrays: Arrays, attrs: Attrs) -> Array:
    x, r = arrays["x"], int(attrs["factor"])
    batch, channels, height, width = x.shape
    order = (0, 3, 4, 1, 5, 2) if attrs.get("order") == "space_first" else (0, 1, 4, 2, 5, 3)
    if attrs.get("order") == "space_first":
        y = x.reshape(batch, r, r, channels // r**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(batch, channels // r**2, r, r, height, width).transpose(order)
    return y.reshape(batch, channels // r**2, height * r, width * r)
