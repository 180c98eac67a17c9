"""CBAM in Paddle."""

from __future__ import annotations

from typing import Any

from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.channel_gate import ChannelGate
from nlblocks_paddle.spatial_gate import SpatialGate


class CBAM(Block):
    """z = spatial(channel(x)): see :class:`nlblocks.specs.CBAM` for the fields and the shapes."""

    spec_type = specs.CBAM
    spec: specs.CBAM

    def __init__(self, spec: specs.CBAM | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.channel = ChannelGate(self.spec.channel)
        self.spatial = SpatialGate(self.spec.spatial)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → z [B, C, H, W], and with ``return_attention`` the maps "channel" and "spatial"."""
        self.check_input(x)
        y, channel = self.channel(x, return_attention=True)  # [B, C, H, W], [B, C]
        z, spatial = self.spatial(y, return_attention=True)  # [B, C, H, W], [B, H, W]
        return (z, {"channel": channel, "spatial": spatial}) if return_attention else z
