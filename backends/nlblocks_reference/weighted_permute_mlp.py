"""Weighted permute MLP, as arXiv:2106.12368 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import dropout, gelu, linear, softmax
from nlblocks_reference.scope import Array, Scope


class WeightedPermuteMLP(Block):
    """Mixed channels, rows and columns: see :class:`nlblocks.specs.WeightedPermuteMLP`."""

    spec_type = specs.WeightedPermuteMLP

    @staticmethod
    def compute(spec: specs.WeightedPermuteMLP, p: Scope, x: Array) -> tuple[Array, Maps]:
        by_channel = linear(x, p("channel"))
        by_row = _along_rows(spec, p("width"), x)
        by_column = np.swapaxes(_along_rows(spec, p("height"), np.swapaxes(x, 1, 2)), 1, 2)
        mixed = np.stack([by_channel, by_row, by_column], 1)  # [B, 3, H, W, C]

        pooled = mixed.sum(1).mean((1, 2))  # [B, C]
        hidden = dropout(gelu(linear(pooled, p("fc_1"))), spec.dropout, p)
        value = dropout(linear(hidden, p("fc_2")), spec.dropout, p)  # [B, 3C]
        weights = softmax(value.reshape(x.shape[0], spec.in_channels, 3))  # [B, C, 3]
        y = linear(np.einsum("bck,bkhwc->bhwc", weights, mixed), p("out"))
        return dropout(y, spec.out_dropout, p), {"attention": np.swapaxes(weights, 1, 2)}


def _along_rows(spec: specs.WeightedPermuteMLP, p: Scope, x: Array) -> Array:
    """Each segment of each row of x [B, H, W, C], its positions beside each other, → the same shape."""
    y = np.empty((*x.shape[:3], spec.in_channels), np.result_type(x, p["weight"]))
    for segment in range(spec.segments):
        own = slice(segment * spec.width, (segment + 1) * spec.width)
        row = x[..., own].reshape(*x.shape[:2], spec.in_channels)  # [B, H, W·D]
        y[..., own] = linear(row, p).reshape(*x.shape[:3], spec.width)
    return y
