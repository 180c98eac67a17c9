"""Dual attention, layer by layer."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.channel_attention import ChannelAttention
from nlblocks_reference.layers import channel_dropout, conv, conv_norm, relu
from nlblocks_reference.position_attention import PositionAttention
from nlblocks_reference.scope import Array, Scope


class DualAttention(Block):
    """DANet's head: see :class:`nlblocks.specs.DualAttention`."""

    spec_type = specs.DualAttention

    @staticmethod
    def compute(spec: specs.DualAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        position = relu(conv_norm(x, p("position_in"), spec.norm))
        position, position_maps = PositionAttention.compute(spec.position, p("position"), position)
        position = relu(conv_norm(position, p("position_out"), spec.norm))

        channel = relu(conv_norm(x, p("channel_in"), spec.norm))
        channel, channel_maps = ChannelAttention.compute(spec.channel, p("channel"), channel)
        channel = relu(conv_norm(channel, p("channel_out"), spec.norm))

        sources = {"classifier": position + channel, "position_classifier": position, "channel_classifier": channel}
        logits = [conv(channel_dropout(sources[name], spec.dropout, p), p(name)) for name in spec.classifiers]
        maps = {"position": position_maps["attention"], "channel": channel_maps["attention"]}
        return np.stack(logits, axis=1) if spec.auxiliary else logits[0], maps
