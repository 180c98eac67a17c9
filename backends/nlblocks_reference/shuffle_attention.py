"""Shuffle attention, as arXiv:2102.00240 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import per_channel, sigmoid
from nlblocks_reference.norms import group_norm
from nlblocks_reference.scope import Array, Scope


class ShuffleAttention(Block):
    """y = shuffle(x · a): see :class:`nlblocks.specs.ShuffleAttention`."""

    spec_type = specs.ShuffleAttention

    @staticmethod
    def compute(spec: specs.ShuffleAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        parts = []
        for group in np.split(x, spec.groups, axis=1):  # [B, 2D, H, W] each
            first, last = np.split(group, 2, axis=1)
            pooled = np.broadcast_to(first.mean((2, 3), keepdims=True), first.shape)
            normal = group_norm(last, p("norm"), spec.half)
            for value, name in ((pooled, "channel"), (normal, "spatial")):
                weight, bias = (per_channel(p[f"{name}_{part}"], value) for part in ("weight", "bias"))
                parts.append(sigmoid(weight * value + bias))
        attention = np.concatenate(parts, axis=1)  # [B, C, H, W]
        half = spec.in_channels // 2
        order = [start + i for i in range(half) for start in (0, half)]  # 0, C/2, 1, C/2 + 1, ...
        return (x * attention)[:, order], {"attention": attention}
