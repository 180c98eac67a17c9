"""The product of an attention map with its values, without the map, in Paddle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor
from paddle.autograd import PyLayer

BLOCK = 2**17
"""How many entries of a softmax map exist at a time."""


def softmax_product(query: Tensor, key: Tensor, value: Tensor, scale: float = 1.0) -> Tensor:
    """Query [B, D, N], key [B, D, M], value [B, E, M] → softmax(queryᵀ·key / scale)·valueᵀ as [B, E, N]."""
    return _SoftmaxProduct.apply(query / scale, key, value)


def dot_product(query: Tensor, key: Tensor, value: Tensor, divisor: float) -> Tensor:
    """Query [B, D, N], key [B, D, M], value [B, E, M] → (queryᵀ·key / divisor)·valueᵀ as [B, E, N].

    The keys meet the values first: their product is [E, D], whatever N and M are.
    """
    return ((value / divisor) @ key.transpose([0, 2, 1])) @ query


def ramp_product(a: Tensor, b: Tensor, value: Tensor, divisor: float) -> Tensor:
    """A [B, N], b [B, M], value [B, E, M] → y_i = Σ_j relu(a_i + b_j) value_j / divisor as [B, E, N].

    Where the ramp is open, relu(a_i + b_j) is a_i + b_j, so y_i = a_i Σ value_j + Σ b_j value_j over the open j.
    """
    rows = value.transpose([0, 2, 1])  # [B, M, E]
    weighted = (b / divisor).unsqueeze(2) * rows  # [B, M, E]
    sums = _OpenSum.apply(a.detach(), b.detach(), paddle.concat([rows, weighted], axis=2))  # [B, N, 2E]
    plain, weighted = sums.chunk(2, axis=2)  # [B, N, E] each
    return ((a / divisor).unsqueeze(2) * plain + weighted).transpose([0, 2, 1])


class _SoftmaxProduct(PyLayer):
    """softmax(queryᵀ·key)·valueᵀ, block of queries by block; the backward pass computes each block of the map again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        rows = value.transpose([0, 2, 1])  # [B, M, E]
        y = paddle.concat([attention @ rows for _, attention in _blocks(query, key)], axis=1)  # [B, N, E]
        y = y.transpose([0, 2, 1])  # [B, E, N]
        ctx.save_for_backward(query, key, value, y)
        ctx.frozen = [tensor.stop_gradient for tensor in (query, key, value)]
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        query, key, value, y = ctx.saved_tensor()
        shift = (grad * y).sum(axis=1).unsqueeze(2)  # [B, N, 1]: what the softmax takes off each row
        grad_rows, key_rows = grad.transpose([0, 2, 1]), key.transpose([0, 2, 1])  # [B, N, E], [B, M, D]
        grad_query, grad_key, grad_value = [], paddle.zeros_like(key), paddle.zeros_like(value)
        for part, attention in _blocks(query, key):
            slope = attention * (grad_rows[:, part] @ value - shift[:, part])  # [B, n, M]
            grad_query.append(slope @ key_rows)  # [B, n, D]
            grad_key += query[:, :, part] @ slope  # [B, D, M]
            grad_value += grad[:, :, part] @ attention  # [B, E, M]
        grads = (paddle.concat(grad_query, axis=1).transpose([0, 2, 1]), grad_key, grad_value)
        return tuple(None if frozen else grad for frozen, grad in zip(ctx.frozen, grads, strict=True))


def _blocks(query: Tensor, key: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Runs of query positions, and the rows [B, n, M] of the softmax map for each."""
    rows = query.transpose([0, 2, 1])  # [B, N, D]
    size = max(1, BLOCK // max(1, query.shape[0] * key.shape[2]))
    for start in range(0, query.shape[2], size):
        part = slice(start, start + size)
        yield part, F.softmax(rows[:, part] @ key, axis=-1)


class _OpenSum(PyLayer):
    """S_i = Σ_j v_j over the j with a_i + b_j > 0: a [B, N], b [B, M], v [B, M, E] → [B, N, E].

    S is a step in a and b, so its gradient goes to v alone; and it is the same sum with a and b exchanged.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _open_sum(a, b, v)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b = ctx.saved_tensor()
        return None, None, _open_sum(b, a, grad)


def _open_sum(a: Tensor, b: Tensor, v: Tensor) -> Tensor:
    """Prefix sums of v by falling b, each a looked up in them. a + b > 0 is b > -a, in floating point as well."""
    order = b.argsort(axis=1, descending=True)  # [B, M]
    ordered = paddle.take_along_axis(b, order, 1)  # [B, M]
    count = b.shape[1] - paddle.searchsorted(ordered.flip(1), -a, right=True)  # [B, N], 0..M
    # Paddle adds up in the tensor's own precision: too coarse for a long float32 sum.
    sums = _rows(v, order).astype("float64").cumsum(axis=1).astype(v.dtype)  # [B, M, E]
    prefix = paddle.concat([paddle.zeros([v.shape[0], 1, v.shape[2]], v.dtype), sums], axis=1)  # [B, M + 1, E]
    return _rows(prefix, count)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Table [B, M, E], index [B, N] → the rows [B, N, E]; whole rows, which is faster than by element."""
    b, m, e = table.shape
    start = paddle.arange(b).unsqueeze(1) * m  # [B, 1]
    return table.reshape([b * m, e]).gather((index + start).flatten()).reshape([b, index.shape[1], e])
