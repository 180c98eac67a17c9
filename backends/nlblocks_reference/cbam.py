"""CBAM: the channel gate, then the spatial gate."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.channel_gate import ChannelGate
from nlblocks_reference.scope import Array, Scope
from nlblocks_reference.spatial_gate import SpatialGate


class CBAM(Block):
    """z = spatial(channel(x)): see :class:`nlblocks.specs.CBAM`."""

    spec_type = specs.CBAM

    @staticmethod
    def compute(spec: specs.CBAM, p: Scope, x: Array) -> tuple[Array, Maps]:
        y, channel = ChannelGate.compute(spec.channel, p("channel"), x)
        z, spatial = SpatialGate.compute(spec.spatial, p("spatial"), y)
        return z, {"channel": channel["attention"], "spatial": spatial["attention"]}
