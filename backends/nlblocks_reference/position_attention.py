"""Position attention, as SAGAN and DANet write it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, softmax
from nlblocks_reference.scope import Array, Scope


class PositionAttention(Block):
    """y = gamma · A·v(x) + x over positions: see :class:`nlblocks.specs.PositionAttention`."""

    spec_type = specs.PositionAttention

    @staticmethod
    def compute(spec: specs.PositionAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        query, key, value = (conv(x, p(name)) for name in ("query", "key", "value"))
        query, key, value = (t.reshape(*t.shape[:2], -1) for t in (query, key, value))  # [B, D, N] twice, [B, C, N]
        attention = softmax(np.einsum("bdn,bdm->bnm", query, key))  # [B, N, N]
        mixed = np.einsum("bnm,bcm->bcn", attention, value)
        return x + p["gamma"] * mixed.reshape(x.shape), {"attention": attention}
