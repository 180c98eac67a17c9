"""Channel attention, as DANet computes it or as its paper writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import softmax
from nlblocks_reference.scope import Array, Scope


class ChannelAttention(Block):
    """y = gamma · A·x + x over channels: see :class:`nlblocks.specs.ChannelAttention`."""

    spec_type = specs.ChannelAttention

    @staticmethod
    def compute(spec: specs.ChannelAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        energy = np.einsum("bchw,bdhw->bcd", x, x)  # [B, C, C]
        attention = softmax(-energy if spec.energy == "negated" else energy)
        return x + p["gamma"] * np.einsum("bcd,bdhw->bchw", attention, x), {"attention": attention}
