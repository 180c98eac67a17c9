"""Criss-cross attention in Paddle with few copies: one softmax over several lines, which are never joined.

Tensors "along" an axis are [B, ..., C, extent]: that axis last, the channels before it, and a batch of lines in front.
Paddle multiplies such matrices without another copy, whichever of them is transposed. ``expand_as`` because it
broadcasts several times slower than it copies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from nlblocks_paddle.kernels.scores import affinity, narrowed


def criss_cross_product(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Query, key [B, D, *S], value [B, C, *S] → Σ_j softmax_j(query_i · key_j) value_j as [B, C, *S].

    j runs over the positions on the lines through i along each axis; i itself counts once, on the last axis.
    """
    return _CrissCross.apply(query, key, value)


class _CrissCross(PyLayer):
    """The weights once, as exp(energy - the largest of all lines), and their sum taken off at the end."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        axes = list(range(2, query.ndim))
        lines = [[_along(tensor, axis) for tensor in (query, key, value)] for axis in axes]
        energies = [affinity(q, k, transpose_x=True) for q, k, _ in lines]  # [B, ..., extent, extent] each
        for index, energy in enumerate(energies[:-1]):
            lowest = paddle.full([energy.shape[-1]], paddle.finfo(energy.dtype).min / 2, energy.dtype)
            energies[index] = energy + paddle.diag(lowest).expand_as(energy)
        largest = _row_of(energies[-1], "max", axes[-1])  # [B, 1, *S]
        for axis, energy in zip(axes[:-1], energies, strict=False):
            largest = paddle.maximum(largest, _row_of(energy, "max", axis))
        weights, totals, products = [], [], []
        for axis, energy, (_, _, v) in zip(axes, energies, lines, strict=True):
            weight = (energy - _spread(largest, axis, energy)).exp_()
            totals.append(_row_of(weight, "sum", axis))  # [B, 1, *S]
            weight = narrowed(weight, v)
            weights.append(weight)
            products.append(_back(paddle.matmul(v, weight, transpose_y=True), axis))  # [B, C, *S]
        total, y = _sum(totals), _sum(products)
        inverse = narrowed(1 / total, y)
        y = y * inverse.expand_as(y)
        ctx.save_for_backward(inverse, y, *weights, *(tensor for line in lines for tensor in line))
        ctx.frozen = [tensor.stop_gradient for tensor in (query, key, value)]
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        inverse, y, *saved = ctx.saved_tensor()
        axes = list(range(2, y.ndim))
        weights, saved = saved[: len(axes)], saved[len(axes) :]
        shift = (grad * y).sum(axis=1, keepdim=True) * inverse  # [B, 1, *S]: what the softmax takes off each row
        grad = grad * inverse.expand_as(grad)
        found: list[list[Tensor]] = [[], [], []]
        for index, (axis, weight) in enumerate(zip(axes, weights, strict=True)):
            q, k, v = saved[3 * index : 3 * index + 3]
            g = _along(grad, axis)
            slope = paddle.matmul(g, v, transpose_x=True)  # [B, ..., extent, extent]
            slope = (slope - _spread(shift, axis, slope)) * weight
            found[0].append(_back(paddle.matmul(k, slope, transpose_y=True), axis))
            found[1].append(_back(paddle.matmul(q, slope), axis))
            found[2].append(_back(paddle.matmul(g, weight), axis))
        return tuple(None if frozen else _sum(parts) for frozen, parts in zip(ctx.frozen, found, strict=True))


def _along(tensor: Tensor, axis: int) -> Tensor:
    """[B, C, *S] → [B, ..., C, extent], the axis last."""
    return tensor.transpose(_order(tensor.ndim, axis)).contiguous()


def _back(tensor: Tensor, axis: int) -> Tensor:
    """[B, ..., C, extent] → [B, C, *S]."""
    order = _order(tensor.ndim, axis)
    return tensor.transpose([order.index(place) for place in range(tensor.ndim)]).contiguous()


def _order(ndim: int, axis: int) -> list[int]:
    return [0, *(other for other in range(2, ndim) if other != axis), 1, axis]


def _row_of(weights: Tensor, reduction: str, axis: int) -> Tensor:
    """[B, ..., extent, extent] → its maximum or sum over the last axis, [B, 1, *S]. As a matrix it is faster."""
    rows = weights.reshape([math.prod(weights.shape[:-1]), weights.shape[-1]])
    return _back(getattr(rows, reduction)(axis=1).reshape([*weights.shape[:-2], 1, weights.shape[-2]]), axis)


def _spread(scalars: Tensor, axis: int, like: Tensor) -> Tensor:
    """[B, 1, *S] → one value for each row of [B, ..., extent, extent]."""
    return _along(scalars, axis).reshape([*like.shape[:-1], 1]).expand_as(like)


def _sum(parts: Iterable[Tensor]) -> Tensor:
    first, *others = parts
    for other in others:
        first = first + other
    return first
