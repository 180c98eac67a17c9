"""BAM in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, conv_norm, mean


class BAM(Block):
    """y = x · (1 + a): see :class:`nlblocks.specs.BAM` for the formula, the fields and the shapes."""

    spec_type = specs.BAM
    spec: specs.BAM

    def __init__(self, spec: specs.BAM | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.channel = ChannelBranch(self.spec)
        self.spatial = SpatialBranch(self.spec)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        channel, spatial = self.channel(x), self.spatial(x)  # [B, C, 1, 1], [B, 1, H, W]
        attention = F.sigmoid(channel + spatial if self.spec.join == "sum" else channel * spatial)
        y = x * (1 + attention)
        return (y, attention) if return_attention else y


class ChannelBranch(nn.Layer):
    """What the means of the channels say of each channel."""

    def __init__(self, spec: specs.BAM) -> None:
        super().__init__()
        c, d, self.hidden = spec.in_channels, spec.inner, spec.hidden
        self.fc_1 = nn.Linear(c, d)
        self.fc_2 = nn.Linear(d, c)
        self.norm = BatchNorm(d if spec.hidden else c, spec.norm)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → [B, C, 1, 1]."""
        v = self.fc_1(mean(x, 2, 3))  # [B, D]
        v = self.fc_2(F.relu(self.norm(v) if self.hidden else v))  # [B, C]
        return (v if self.hidden else self.norm(v)).unsqueeze([2, 3])


class SpatialBranch(nn.Layer):
    """What the channels of a position, and those around it, say of the position."""

    def __init__(self, spec: specs.BAM) -> None:
        super().__init__()
        c, d, self.hidden = spec.in_channels, spec.inner, spec.hidden
        self.reduce = conv_norm(2, c, d, spec.norm, bias=True) if spec.hidden else _conv(c, d)
        self.dilated = nn.LayerList(
            conv_norm(2, d, d, spec.norm, 3, dilation=spec.dilation, bias=True) for _ in range(spec.depth)
        )
        self.project = _conv(d, 1) if spec.hidden else conv_norm(2, d, 1, spec.norm, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → [B, 1, H, W]."""
        v = self.reduce(x)  # [B, D, H, W]
        v = F.relu(v) if self.hidden else v
        for layer in self.dilated:
            v = F.relu(layer(v))
        y: Tensor = self.project(v)
        return y


def _conv(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(("conv", nn.Conv2D(in_channels, out_channels, 1)))
