"""Pooling by means and interpolation in torch: two small matrices of fractions, exact in float64.

torch's own kernels hold their weights in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


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
    return rows @ (x @ columns.T)


def _means(x: Tensor, axis: int, size: int) -> Tensor:
    """[size, extent]: row i is the mean over its window."""
    new, old = _places(x, axis, size)
    extent = x.shape[axis]
    first, last = new * extent // size, ((new + 1) * extent + size - 1) // size
    return _fractions((old >= first) & (old < last), last - first, x)


def _windows(x: Tensor, axis: int, size: int) -> Tensor:
    """[extent // size, extent]: row i is the mean over its window."""
    extent = x.shape[axis]
    new, old = _places(x, axis, extent // size)
    return _fractions(old // size == new, torch.full_like(new, size), x)


def _surroundings(x: Tensor, axis: int, step: int) -> Tensor:
    """[⌈extent / step⌉, extent]: row i is the mean of the positions less than ``step`` from i·step."""
    extent = x.shape[axis]
    new, old = _places(x, axis, -(-extent // step))
    inside = (old - new * step).abs() < step
    return _fractions(inside, inside.sum(1, keepdim=True), x)


def _nearest(x: Tensor, axis: int, size: int) -> Tensor:
    """[size, extent]: row i takes the position ⌊i·extent / size⌋."""
    extent = x.shape[axis]
    new, old = _places(x, axis, size)
    return _fractions(old == new * extent // size, torch.ones_like(new), x)


def _between(x: Tensor, axis: int, size: int, align_corners: bool) -> Tensor:
    """[size, extent]: row i weighs the positions less than 1 from its place, a fraction, by 1 less how far they are."""
    new, old = _places(x, axis, size)
    extent, below = x.shape[axis], max(size - 1, 1) if align_corners else 2 * size
    place = new * (extent - 1) if align_corners else (2 * new + 1) * extent - size  # times below
    apart = (old * below - place.clamp(min=0).clamp(max=(extent - 1) * below)).abs()
    return _fractions((below - apart).clamp(min=0), torch.full_like(new, below), x)


def _places(x: Tensor, axis: int, size: int) -> tuple[Tensor, Tensor]:
    """The new positions [size, 1] and the old ones [extent]."""
    new = torch.arange(size, device=x.device).unsqueeze(1)
    return new, torch.arange(x.shape[axis], device=x.device)


def _fractions(above: Tensor, below: Tensor, x: Tensor) -> Tensor:
    dtype = torch.promote_types(x.dtype, torch.float32)
    return (above.to(dtype) / below.to(dtype)).to(x.dtype)
