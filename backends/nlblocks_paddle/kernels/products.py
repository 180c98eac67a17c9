"""The product of an attention map with its values, without the map, in Paddle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor
from paddle.autograd import PyLayer

from nlblocks_paddle.kernels.scores import affinity, narrowed

BLOCK = 2**17
"""How many entries of a softmax map exist at a time, or more: with fewer rows than ``ROWS`` the products slow down."""
ROWS = 64
RUN = 64
"""How many rows of a prefix sum are added up in the tensor's own precision."""


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
    rows = (value / divisor).transpose([0, 2, 1]).contiguous()  # [B, M, E]
    return _RampProduct.apply(a, b, rows).transpose([0, 2, 1])


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
    size = max(ROWS, BLOCK // max(1, query.shape[0] * key.shape[2]))
    for start in range(0, query.shape[2], size):
        part = slice(start, start + size)
        yield part, narrowed(F.softmax(affinity(rows[:, part], key), axis=-1), key)


class _RampProduct(PyLayer):
    """y_i = Σ_j relu(a_i + b_j) v_j: a [B, N], b [B, M], v [B, M, E] → [B, N, E].

    Its gradient for v is the same product with a and b exchanged, on the output's gradient; those for a and b come
    from the sums over what is open, which both products have at hand.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, v: Tensor) -> Tensor:
        opened, y = _ramp(a, b, v)  # [B, N, E] each
        ctx.save_for_backward(a, b, v, opened)
        ctx.frozen = [tensor.stop_gradient for tensor in (a, b, v)]
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b, v, opened = ctx.saved_tensor()
        grad = grad.contiguous()
        opening, grad_v = _ramp(b, a, grad)  # [B, M, E] each
        grads = ((opened * grad).sum(axis=2), (opening * v).sum(axis=2), grad_v)
        return tuple(None if frozen else grad for frozen, grad in zip(ctx.frozen, grads, strict=True))


def _ramp(a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_j v_j over the open j, and Σ_j (a_i + b_j) v_j over them, [B, N, E] each.

    By falling b, the open j are the first ones: a + b > 0 is -b < a, in floating point as well. ``expand_as`` because
    Paddle broadcasts several times slower than it copies.
    """
    order = (-b).argsort(axis=1)  # [B, M]
    ordered = paddle.index_sample(b, order)  # [B, M]
    count = paddle.searchsorted(-ordered, a)  # [B, N], 0..M
    rows = _rows(v, order)  # [B, M, E]
    opened = _rows(_prefix_sums(rows), count)  # [B, N, E]
    weighted = _rows(_prefix_sums(ordered.unsqueeze(2).expand_as(rows) * rows), count)  # [B, N, E]
    return opened, a.unsqueeze(2).expand_as(opened) * opened + weighted


def _prefix_sums(rows: Tensor) -> Tensor:
    """Rows [B, M, E] → at least M + 1 rows: the sum of the first 0, 1, ..., M.

    Paddle adds up one by one in the tensor's own precision, which is too coarse for a long float32 sum: here within
    runs of ``RUN`` rows, and what comes before a run in float64.
    """
    b, m, e = rows.shape
    runs = m // RUN + 1
    ends = (paddle.zeros([b, n, e], rows.dtype) for n in (1, runs * RUN - m - 1))
    rows = paddle.concat([next(ends), rows, next(ends)], axis=1).reshape([b * runs, RUN, e]).cumsum(axis=1)
    totals = rows[:, -1].reshape([b, runs, e]).astype("float64")
    before = (totals.cumsum(axis=1) - totals).astype(rows.dtype).reshape([b * runs, 1, e])
    return (rows + before.expand_as(rows)).reshape([b, runs * RUN, e])


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Table [B, M, E], index [B, N] → the rows [B, N, E]; whole rows, which is faster than by element."""
    b, m, e = table.shape
    if b > 1:
        index = index + (paddle.arange(b) * m).unsqueeze(1).expand_as(index)
    return table.reshape([b * m, e]).gather(index.flatten()).reshape([b, index.shape[1], e])
