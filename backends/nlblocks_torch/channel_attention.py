"""Channel attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity, narrowed


class ChannelAttention(Block):
    """y = gamma · A·x + x over channels: see :class:`nlblocks.specs.ChannelAttention`."""

    spec_type = specs.ChannelAttention
    spec: specs.ChannelAttention

    def __init__(self, spec: specs.ChannelAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, C]."""
        self.check_input(x)
        channels = x.flatten(2)  # [B, C, N]
        energy = affinity(channels, channels.transpose(1, 2))  # [B, C, C]
        attention = narrowed((self.spec.sign * energy).softmax(dim=-1), x)  # [B, C, C]
        mixed = (attention @ channels).reshape(x.shape)  # [B, C, H, W]
        y = x + self.gamma * mixed
        return (y, attention) if return_attention else y
