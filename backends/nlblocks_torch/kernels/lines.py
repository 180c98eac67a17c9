"""Criss-cross attention in torch with few copies: every product along a line finds its rows whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nlblocks_torch.kernels.scores import affinity


def criss_cross_product(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Query, key [B, D, *S], value [B, C, *S] → Σ_j softmax_j(query_i · key_j) value_j as [B, C, *S].

    j runs over the positions on the lines through i along each axis; i itself counts once, on the last axis.
    """
    return _CrissCross.apply(query, key, value)


class _CrissCross(torch.autograd.Function):
    """The weights once, and a backward pass that never joins their gradients."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (tensor.movedim(1, -1).contiguous() for tensor in (query, key, value))  # [B, *S, D or C]
        last = query.ndim - 2
        energies = []
        for axis in range(1, last + 1):
            energy = affinity(query.movedim(axis, -2), key.movedim(axis, -2).mT)  # [B, ..., extent, extent]
            if axis != last:
                energy.diagonal(dim1=-2, dim2=-1).fill_(torch.finfo(energy.dtype).min)
            energies.append(energy.movedim(-2, axis))  # [B, *S, extent]
        weights = torch.cat(energies, dim=-1).softmax(dim=-1).to(value.dtype)  # [B, *S, ΣS]
        y = _sum_over_lines([part @ value.movedim(axis, -2) for axis, part in _lines(weights)])  # [B, *S, C]
        ctx.save_for_backward(query, key, value, weights, y)
        return y.movedim(-1, 1).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        query, key, value, weights, y = ctx.saved_tensors
        grad = grads[0].movedim(1, -1).contiguous()  # [B, *S, C]
        shift = (grad * y).sum(dim=-1, keepdim=True)  # [B, *S, 1]: what the softmax takes off each row
        found: list[list[Tensor]] = [[], [], []]
        for axis, part in _lines(weights):
            q, k, v, g, s = (tensor.movedim(axis, -2) for tensor in (query, key, value, grad, shift))
            slope = (g @ v.mT).sub_(s).mul_(part)  # [B, ..., extent, extent]
            for grads_of_one, product in zip(found, (slope @ k, slope.mT @ q, part.mT @ g), strict=True):
                grads_of_one.append(product)
        return tuple(_sum_over_lines(products).movedim(-1, 1).contiguous() for products in found)


def _lines(weights: Tensor) -> list[tuple[int, Tensor]]:
    """[B, *S, ΣS] → each axis, and the weights along it, [B, ..., extent, extent]."""
    parts = weights.split(list(weights.shape[1:-1]), dim=-1)
    return [(axis, part.movedim(axis, -2)) for axis, part in enumerate(parts, start=1)]


def _sum_over_lines(products: Sequence[Tensor]) -> Tensor:
    """One product [B, ..., extent, C] for each axis → their sum [B, *S, C]."""
    total = products[-1]  # the last axis is in its place
    for axis, product in enumerate(products[:-1], start=1):
        total += product.movedim(-2, axis)
    return total
