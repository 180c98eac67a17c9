"""Multi-scale convolutional attention in Paddle."""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import gelu


class MultiScaleConvolutionalAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.MultiScaleConvolutionalAttention` for the formula, fields and shapes."""

    spec_type = specs.MultiScaleConvolutionalAttention
    spec: specs.MultiScaleConvolutionalAttention

    def __init__(
        self, spec: specs.MultiScaleConvolutionalAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c = spec.in_channels
        self.local = nn.Conv2D(c, c, spec.kernel_size, padding=spec.kernel_size // 2, groups=c)
        self.strips = nn.LayerList([_strips(c, size) for size in spec.strip_sizes])
        self.mix = nn.Conv2D(c, c, 1)
        if spec.residual:
            self.proj_1 = nn.Conv2D(c, c, 1)
            self.proj_2 = nn.Conv2D(c, c, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        v = gelu(self.proj_1(x)) if self.spec.residual else x  # [B, C, H, W]
        near = self.local(v)
        total = near
        for strips in self.strips:
            total = total + strips(near)
        attention = self.mix(total)  # [B, C, H, W]
        y = v * attention
        if self.spec.residual:
            y = x + self.proj_2(y)
        return (y, attention) if return_attention else y


def _strips(channels: int, size: int) -> nn.Sequential:
    """``row``, then ``column``: each channel along W, then along H."""
    return nn.Sequential(
        ("row", nn.Conv2D(channels, channels, (1, size), padding=(0, size // 2), groups=channels)),
        ("column", nn.Conv2D(channels, channels, (size, 1), padding=(size // 2, 0), groups=channels)),
    )
