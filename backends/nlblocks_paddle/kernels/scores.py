"""The scores between vectors in Paddle, and float16, whose largest number they pass."""

from __future__ import annotations

import paddle
from paddle import Tensor


def affinity(left: Tensor, right: Tensor, *, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """paddle.matmul; where that would be float16, by itself or by auto_cast, it is float32.

    Scores pass its largest number, 65504, where features are far from it; :func:`narrowed` takes the map back.
    """
    product = None if left.dtype == paddle.float16 else paddle.matmul(left, right, transpose_x, transpose_y)
    if product is None or product.dtype == paddle.float16:  # the second, where auto_cast made it so
        with paddle.amp.auto_cast(enable=False):
            left, right = left.astype(paddle.float32), right.astype(paddle.float32)
            product = paddle.matmul(left, right, transpose_x, transpose_y)
    return product


def narrowed(attention: Tensor, like: Tensor) -> Tensor:
    """A map that was computed from :func:`affinity`, in float16 where the tensor ``like`` is."""
    return attention.astype(like.dtype) if like.dtype == paddle.float16 else attention
