"""CBAM's channel gate, as arXiv:1807.06521 writes it, and its variant with a convolution."""

from __future__ import annotations

import math

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_conv, linear, maximum, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class ChannelGate(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.ChannelGate`."""

    spec_type = specs.ChannelGate

    @staticmethod
    def compute(spec: specs.ChannelGate, p: Scope, x: Array) -> tuple[Array, Maps]:
        def shared(pooled: Array) -> Array:
            if spec.mode == "conv":
                return channel_conv(pooled, p("conv"))
            return linear(relu(linear(pooled, p("fc_1"))), p("fc_2"))

        positions = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))  # [B, C, N]
        attention = sigmoid(shared(positions.mean(2)) + shared(maximum(positions, 2)))  # [B, C]
        return x * attention[:, :, None, None], {"attention": attention}
