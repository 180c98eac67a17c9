"""Pooling by means and interpolation in Paddle: two small matrices of fractions, exact in float64.

Paddle's own kernels hold their weights in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import Tensor

from nlblocks.errors import InputError


def adaptive_mean(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes]: means over ⌊i·H / size⌋ to ⌈(i + 1)·H / size⌉, which may overlap."""
    return _resample(x, _means(x, 2, sizes[0]), _means(x, 3, sizes[1]))


def window_mean(x: Tensor, size: int) -> Tensor:
    """x [B, C, H, W] → [B, C, H // size, W // size]: the means of windows; what does not fit is left out."""
    return _resample(x, _windows(x, 2, size), _windows(x, 3, size))


def surrounding_mean(x: Tensor, step: int) -> Tensor:
    """x [B, C, H, W] → [B, C, ⌈H / step⌉, ...]: means of what is less than ``step`` from each step-th place."""
    return _resample(x, _surroundings(x, 2, step), _surroundings(x, 3, step))


def nearest(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes]: place i is that of ⌊i·H / size⌋."""
    return _resample(x, _nearest(x, 2, sizes[0]), _nearest(x, 3, sizes[1]))


def bilinear(x: Tensor, sizes: Sequence[int], *, align_corners: bool) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    return _resample(x, _between(x, 2, sizes[0], align_corners), _between(x, 3, sizes[1], align_corners))


def _resample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """x [B, C, H, W] → [B, C, H', W'] by the matrices ``rows`` [H', H] and ``columns`` [W', W]."""
    return paddle.matmul(rows, paddle.matmul(x, columns, transpose_y=True))


def _means(x: Tensor, axis: int, size: int) -> Tensor:
    """[size, extent]: row i is the mean over its window."""
    extent = known_extents(x)[axis - 2]
    new, old = _places(extent, size)
    first, last = new * extent // size, ((new + 1) * extent + size - 1) // size
    return _fractions((old >= first) & (old < last), last - first, x)


def _windows(x: Tensor, axis: int, size: int) -> Tensor:
    """[extent // size, extent]: row i is the mean over its window."""
    extent = known_extents(x)[axis - 2]
    new, old = _places(extent, extent // size)
    return _fractions(old // size == new, paddle.full_like(new, size), x)


def _surroundings(x: Tensor, axis: int, step: int) -> Tensor:
    """[⌈extent / step⌉, extent]: row i is the mean of the positions less than ``step`` from i·step."""
    extent = known_extents(x)[axis - 2]
    new, old = _places(extent, -(-extent // step))
    inside = (old - new * step).abs() < step
    return _fractions(inside, inside.astype("int64").sum(1, keepdim=True), x)


def _nearest(x: Tensor, axis: int, size: int) -> Tensor:
    """[size, extent]: row i takes the position ⌊i·extent / size⌋."""
    extent = known_extents(x)[axis - 2]
    new, old = _places(extent, size)
    return _fractions(old == new * extent // size, paddle.ones_like(new), x)


def _between(x: Tensor, axis: int, size: int, align_corners: bool) -> Tensor:
    """[size, extent]: row i weighs the positions less than 1 from its place, a fraction, by 1 less how far they are."""
    extent, below = known_extents(x)[axis - 2], max(size - 1, 1) if align_corners else 2 * size
    new, old = _places(extent, size)
    place = new * (extent - 1) if align_corners else (2 * new + 1) * extent - size  # times below
    apart = (old * below - place.clip(min=0).clip(max=(extent - 1) * below)).abs()
    return _fractions((below - apart).clip(min=0), paddle.full_like(new, below), x)


def _places(extent: int, size: int) -> tuple[Tensor, Tensor]:
    """The new positions [size, 1] and the old ones [extent]."""
    return paddle.arange(size).unsqueeze(1), paddle.arange(extent)


@paddle.jit.not_to_static
def known_extents(x: Tensor) -> list[int]:
    """H and W of [B, C, H, W], which a static program must know to lay them out."""
    extents = list(x.shape[2:])
    if min(extents) < 0:
        raise InputError(f"input of extents {extents}: this block needs them; give InputSpec a number for H and for W")
    return extents


def _fractions(above: Tensor, below: Tensor, x: Tensor) -> Tensor:
    dtype = x.dtype if x.dtype == paddle.float64 else paddle.float32
    return (above.astype(dtype) / below.astype(dtype)).astype(x.dtype)
