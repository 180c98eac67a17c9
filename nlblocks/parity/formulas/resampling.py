"""Images read between their pixels: resizing, and sampling at the places of a grid."""

from __future__ import annotations

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs, Unknown

LINEAR = {"linear", "bilinear", "trilinear"}
CUBIC = -0.75
"""The slope of cubic interpolation at its neighbours (Keys 1981 has -0.5; both frameworks take this)."""


def _targets(size: int, out: int, scale: float | None, attrs: Attrs) -> Array:
    """Where each output position reads along one axis."""
    position, mode = np.arange(out), attrs.get("mode", "nearest")
    step = size / out if scale is None else 1.0 / scale
    if mode == "nearest":
        return np.minimum(np.floor(position * step), size - 1)
    if mode == "nearest-exact":
        return np.minimum(np.floor((position + 0.5) * step), size - 1)
    if attrs.get("align_corners"):
        return position * ((size - 1) / (out - 1) if out > 1 else 0.0)
    if out == 1 and attrs.get("extent_one") == "first":
        step = 0.0
    if attrs.get("align_mode") == 1 and mode in LINEAR:
        return position * step
    where = (position + 0.5) * step - 0.5
    return np.maximum(where, 0.0) if mode in LINEAR else where


def _weights(size: int, where: Array, mode: str) -> Array:
    """[out, in]: the matrix of an interpolation at these places; beyond an end it reads that end."""
    low = np.floor(where).astype(int)
    part = where - low
    matrix, rows = np.zeros((len(where), size)), np.arange(len(where))
    if mode == "bicubic":
        for near in range(-1, 3):
            far = np.abs(part - near)
            inner = (CUBIC + 2) * far**3 - (CUBIC + 3) * far**2 + 1
            outer = CUBIC * (far**3 - 5 * far**2 + 8 * far - 4)
            np.add.at(matrix, (rows, np.clip(low + near, 0, size - 1)), np.where(far <= 1, inner, outer))
        return matrix
    np.add.at(matrix, (rows, np.clip(low, 0, size - 1)), 1.0 - part)
    np.add.at(matrix, (rows, np.clip(low + 1, 0, size - 1)), part)
    return matrix


def interpolate(arrays: Arrays, attrs: Attrs) -> Array:
    """x at ``size`` places along each axis after the channels, between its elements or of the nearest

    ``align_mode`` 1 reads at i · step, not at the middle of pixels; ``extent_one`` "first" reads the first element
    where an extent becomes 1, and not the middle.
    """
    x, mode = arrays["x"], attrs.get("mode", "nearest")
    n = x.ndim - 2
    size, scale = attrs.get("size"), attrs.get("scale")
    scales = [None] * n
    if size is None:
        scales = list(scale) if isinstance(scale, tuple) else [scale] * n
        size = tuple(int(extent * s) for extent, s in zip(x.shape[2:], scales, strict=True))
    sizes = (size,) * n if isinstance(size, int) else tuple(size)
    if mode not in {"nearest", "nearest-exact", "bicubic"} | LINEAR or attrs.get("antialias"):
        raise Unknown(mode)
    for axis, (out, s) in enumerate(zip(sizes, scales, strict=True)):
        where = _targets(x.shape[axis + 2], out, s, attrs)
        matrix = _weights(x.shape[axis + 2], where, mode)
        x = np.moveaxis(np.tensordot(x, matrix, ([axis + 2], [1])), -1, axis + 2)
    return x


def grid_sample(arrays: Arrays, attrs: Attrs) -> Array:
    """x at the places of the grid, (column, row) from -1 to 1; 0 outside, or the border if ``padding_mode`` says so"""
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
    """θ (column, row, 1) of every pixel of an image of ``size``"""
    theta, size = arrays["x"], attrs["size"]
    axes = []
    for extent in (size[-1], size[-2]):
        step = np.linspace(-1, 1, extent)
        axes.append(step if attrs.get("align_corners") else step * (extent - 1) / extent)
    xs, ys = np.meshgrid(axes[0], axes[1])
    base = np.stack([xs, ys, np.ones_like(xs)], -1)
    return np.einsum("hwk,bjk->bhwj", base, theta)
