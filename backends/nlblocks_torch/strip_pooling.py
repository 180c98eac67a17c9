"""Strip pooling in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import conv_norm, mean
from nlblocks_torch.resampling import adaptive_mean, bilinear


class StripPooling(Block):
    """y = relu(x + ...): see :class:`nlblocks.specs.StripPooling` for the formula, the fields and the shapes."""

    spec_type = specs.StripPooling
    spec: specs.StripPooling

    def __init__(self, spec: specs.StripPooling | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d, norm = spec.in_channels, spec.inner, spec.norm
        self.reduce_long = conv_norm(2, c, d, norm)
        self.reduce_short = conv_norm(2, c, d, norm)
        self.down = conv_norm(1, d, d, norm, 3)
        self.across = conv_norm(1, d, d, norm, 3)
        self.whole = conv_norm(2, d, d, norm, 3)
        self.pooled = nn.ModuleList(conv_norm(2, d, d, norm, 3) for _ in spec.pool_sizes)
        self.long = conv_norm(2, d, d, norm, 3)
        self.short = conv_norm(2, d, d, norm, 3)
        self.join = conv_norm(2, 2 * d, c, norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → y [B, C, H, W]."""
        self.check_input(x)
        u = torch.relu(self.reduce_long(x))  # [B, D, H, W]
        strips = self.down(mean(u, 3)).unsqueeze(3) + self.across(mean(u, 2)).unsqueeze(2)  # [B, D, H, W]
        far = torch.relu(self.long(torch.relu(strips)))
        v = torch.relu(self.reduce_short(x))  # [B, D, H, W]
        near = self.whole(v)
        for size, layer in zip(self.spec.pool_sizes, self.pooled, strict=True):
            pooled = layer(adaptive_mean(v, (size, size)))  # [B, D, size, size]
            near = near + bilinear(pooled, x.shape[2:], align_corners=self.spec.align_corners)
        near = torch.relu(self.short(torch.relu(near)))
        return torch.relu(x + self.join(torch.cat([near, far], 1)))
