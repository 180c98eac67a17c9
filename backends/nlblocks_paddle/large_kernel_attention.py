"""Large kernel attention in Paddle."""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import gelu


class LargeKernelAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.LargeKernelAttention` for the formula, the fields and the shapes."""

    spec_type = specs.LargeKernelAttention
    spec: specs.LargeKernelAttention

    def __init__(
        self, spec: specs.LargeKernelAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, reach = spec.in_channels, spec.distant_kernel_size // 2 * spec.dilation
        self.local = nn.Conv2D(c, c, spec.kernel_size, padding=spec.kernel_size // 2, groups=c)
        self.distant = nn.Conv2D(c, c, spec.distant_kernel_size, padding=reach, dilation=spec.dilation, groups=c)
        self.mix = nn.Conv2D(c, c, 1)
        if spec.residual:
            self.proj_1 = nn.Conv2D(c, c, 1)
            self.proj_2 = nn.Conv2D(c, c, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        u = gelu(self.proj_1(x)) if self.spec.residual else x  # [B, C, H, W]
        attention = self.mix(self.distant(self.local(u)))  # [B, C, H, W]
        y = u * attention
        if self.spec.residual:
            y = x + self.proj_2(y)
        return (y, attention) if return_attention else y
