"""Adaptive average pooling and bilinear interpolation in torch: small matrices, the same in every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nlblocks.specs.resampling import adaptive_mean_matrix, bilinear_matrix, window_mean_matrix


def adaptive_mean(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes]: adaptive average pooling, the windows of a size may overlap."""
    extents = zip(x.shape[2:], sizes, strict=True)
    return resample(x, [adaptive_mean_matrix(extent, size) if extent != size else None for extent, size in extents])


def window_mean(x: Tensor, size: int) -> Tensor:
    """x [B, C, H, W] → [B, C, H // size, W // size]: the means of windows; what does not fit is left out."""
    return resample(x, [window_mean_matrix(extent, size) for extent in x.shape[2:]])


def bilinear(x: Tensor, sizes: Sequence[int], *, align_corners: bool) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    return resample(
        x,
        [
            bilinear_matrix(extent, size, align_corners=align_corners) if extent != size else None
            for extent, size in zip(x.shape[2:], sizes, strict=True)
        ],
    )


def resample(x: Tensor, matrices: Sequence[NDArray[Any] | None]) -> Tensor:
    """x [B, C, H, W] → [B, C, H', W'] by a matrix [H', H] and one [W', W]; None leaves an axis as it is."""
    rows, columns = (None if m is None else torch.tensor(m, dtype=x.dtype, device=x.device) for m in matrices)
    x = x if columns is None else x @ columns.T
    return x if rows is None else rows @ x
