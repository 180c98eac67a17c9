"""Dual attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.channel_attention import ChannelAttention
from nlblocks_torch.layers import conv_norm, pointwise
from nlblocks_torch.position_attention import PositionAttention


class DualAttention(Block):
    """DANet's head: see :class:`nlblocks.specs.DualAttention` for the formula, the fields and the shapes."""

    spec_type = specs.DualAttention
    spec: specs.DualAttention

    def __init__(self, spec: specs.DualAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d, k = spec.in_channels, spec.inner, spec.num_classes
        self.position_in = conv_norm(2, c, d, spec.norm, kernel=3)
        self.position = PositionAttention(spec.position)
        self.position_out = conv_norm(2, d, d, spec.norm, kernel=3)
        self.channel_in = conv_norm(2, c, d, spec.norm, kernel=3)
        self.channel = ChannelAttention(spec.channel)
        self.channel_out = conv_norm(2, d, d, spec.norm, kernel=3)
        self.dropout = nn.Dropout2d(spec.dropout)
        self.classifier = pointwise(2, d, k)
        if spec.auxiliary:
            self.position_classifier = pointwise(2, d, k)
            self.channel_classifier = pointwise(2, d, k)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → logits [B, K, H, W], or [B, 3, K, H, W] with the auxiliary ones; maps by branch."""
        self.check_input(x)
        position = torch.relu(self.position_in(x))  # [B, D, H, W]
        channel = torch.relu(self.channel_in(x))  # [B, D, H, W]
        maps = {}
        if return_attention:
            position, maps["position"] = self.position(position, return_attention=True)
            channel, maps["channel"] = self.channel(channel, return_attention=True)
        else:
            position, channel = self.position(position), self.channel(channel)
        position = torch.relu(self.position_out(position))  # [B, D, H, W]
        channel = torch.relu(self.channel_out(channel))  # [B, D, H, W]

        logits = self.classifier(self.dropout(position + channel))  # [B, K, H, W]
        if self.spec.auxiliary:
            auxiliary = (
                self.position_classifier(self.dropout(position)),
                self.channel_classifier(self.dropout(channel)),
            )
            logits = torch.stack([logits, *auxiliary], dim=1)  # [B, 3, K, H, W]
        return (logits, maps) if return_attention else logits
