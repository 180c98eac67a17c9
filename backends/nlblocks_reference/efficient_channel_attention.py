"""Efficient channel attention, as arXiv:1910.03151 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_conv, sigmoid
from nlblocks_reference.scope import Array, Scope


class EfficientChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.EfficientChannelAttention`."""

    spec_type = specs.EfficientChannelAttention

    @staticmethod
    def compute(spec: specs.EfficientChannelAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        pooled = x.mean((2, 3))  # [B, C]
        attention = sigmoid(channel_conv(pooled, p("conv"), circular=spec.padding_mode == "circular"))  # [B, C]
        return x * attention[:, :, None, None], {"attention": attention}
