"""Efficient multi-scale attention, as arXiv:2305.13563 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, sigmoid, softmax
from nlblocks_reference.norms import group_norm
from nlblocks_reference.scope import Array, Scope


class EfficientMultiScaleAttention(Block):
    """A gate per position and group: see :class:`nlblocks.specs.EfficientMultiScaleAttention`."""

    spec_type = specs.EfficientMultiScaleAttention

    @staticmethod
    def compute(spec: specs.EfficientMultiScaleAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        groups = np.split(x, spec.groups, axis=1)
        gates = [sigmoid(_score(spec, p, group)) for group in groups]
        y = np.concatenate([group * gate[:, None] for group, gate in zip(groups, gates, strict=True)], axis=1)
        return y, {"attention": np.stack(gates, 1)}


def _score(spec: specs.EfficientMultiScaleAttention, p: Scope, u: Array) -> Array:
    """u [B, D, H, W] → what its gate is the sigmoid of, [B, H, W]."""
    rows = sigmoid(conv(u.mean(3, keepdims=True), p("line")))  # [B, D, H, 1]
    columns = sigmoid(conv(u.mean(2, keepdims=True), p("line")))  # [B, D, 1, W]
    first = group_norm(u * rows * columns, p("norm"), spec.width)
    second = conv(u, p("local"), padding=1)
    score = np.einsum("bd,bdhw->bhw", softmax(first.mean((2, 3))), second)
    return score + np.einsum("bd,bdhw->bhw", softmax(second.mean((2, 3))), first)
