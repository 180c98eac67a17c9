"""Adaptive average pooling and bilinear interpolation in Paddle: small matrices, the same in every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from numpy.typing import NDArray
from paddle import Tensor

from nlblocks.errors import InputError
from nlblocks.specs.resampling import adaptive_mean_matrix, bilinear_matrix, window_mean_matrix


def adaptive_mean(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes]: adaptive average pooling, the windows of a size may overlap."""
    extents = zip(_known(x), sizes, strict=True)
    return resample(x, [adaptive_mean_matrix(extent, size) if extent != size else None for extent, size in extents])


def window_mean(x: Tensor, size: int) -> Tensor:
    """x [B, C, H, W] → [B, C, H // size, W // size]: the means of windows; what does not fit is left out."""
    return resample(x, [window_mean_matrix(extent, size) for extent in _known(x)])


def bilinear(x: Tensor, sizes: Sequence[int], *, align_corners: bool) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    return resample(
        x,
        [
            bilinear_matrix(extent, size, align_corners=align_corners) if extent != size else None
            for extent, size in zip(_known(x), sizes, strict=True)
        ],
    )


def resample(x: Tensor, matrices: Sequence[NDArray[Any] | None]) -> Tensor:
    """x [B, C, H, W] → [B, C, H', W'] by a matrix [H', H] and one [W', W]; None leaves an axis as it is."""
    rows, columns = (None if m is None else paddle.to_tensor(m).astype(x.dtype) for m in matrices)
    x = x if columns is None else paddle.matmul(x, columns, transpose_y=True)
    return x if rows is None else paddle.matmul(rows, x)


def _known(x: Tensor) -> list[int]:
    """The extents of [B, C, H, W], which a static program must know to resample."""
    extents = [int(extent) for extent in x.shape[2:]]
    if min(extents) < 0:
        raise InputError(f"input of extents {extents}: this block resamples; give InputSpec a number for H and for W")
    return extents
