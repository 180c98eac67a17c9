"""The scores between vectors in Paddle, and float16, whose largest number they pass."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
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


def relative_affinity(query: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """What a query at (i, j) says of a key's place (k, l): q·height[k - i + K - 1] + q·width[l - j + L - 1].

    Query [..., I, J, D], height [2K - 1, D], width [2L - 1, D] → [..., I·J, K·L].
    """
    rows = _along(query, height)  # [..., I, J, K]
    last = query.ndim - 1
    turned = [*range(last - 2), last - 1, last - 2, last]
    columns = _along(query.transpose(turned), width).transpose(turned)  # [..., I, J, L]
    scores = rows.unsqueeze(-1) + columns.unsqueeze(-2)  # [..., I, J, K, L]
    return scores.flatten(-2).flatten(-3, -2)


def _along(query: Tensor, table: Tensor) -> Tensor:
    """Query [..., I, J, D], table [2K - 1, D] → q_ij·table[k - i + K - 1] as [..., I, J, K]."""
    queries, keys = query.shape[-3], (table.shape[0] + 1) // 2
    offsets = paddle.arange(keys).unsqueeze(0) - paddle.arange(queries).unsqueeze(1) + (keys - 1)  # [I, K]
    rows = F.embedding(offsets, table).transpose([0, 2, 1])  # [I, D, K]
    while rows.ndim < query.ndim:  # the gradient of a product of tensors of unequal rank fails from five axes on
        rows = rows.unsqueeze(0)
    return affinity(query, rows)


def narrowed(attention: Tensor, like: Tensor) -> Tensor:
    """A map that was computed from :func:`affinity`, in float16 where the tensor ``like`` is."""
    return attention.astype(like.dtype) if like.dtype == paddle.float16 else attention
