"""Pyramid squeeze attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import mean


class PyramidSqueezeAttention(Block):
    """y = [a_R u_R, ..., a_1 u_1]: see :class:`nlblocks.specs.PyramidSqueezeAttention` for the formula and shapes."""

    spec_type = specs.PyramidSqueezeAttention
    spec: specs.PyramidSqueezeAttention

    def __init__(
        self, spec: specs.PyramidSqueezeAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, s, d = spec.in_channels, spec.share, spec.inner
        self.branches = nn.ModuleList(
            nn.Conv2d(c, s, k, spec.stride, k // 2, groups=groups, bias=False)
            for k, groups in zip(spec.kernel_sizes, spec.branch_groups, strict=True)
        )
        self.fc_1 = nn.Linear(s, d)
        self.fc_2 = nn.Linear(d, s)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, R, S]."""
        self.check_input(x)
        features = torch.stack([branch(x) for branch in self.branches], dim=1)  # [B, R, S, H', W']
        gates = torch.sigmoid(self.fc_2(torch.relu(self.fc_1(mean(features, 3, 4)))))  # [B, R, S]
        attention = gates.softmax(dim=1)
        chosen = features * attention.unsqueeze(-1).unsqueeze(-1)
        y = chosen.flip(1).flatten(1, 2)  # [B, O, H', W']
        return (y, attention) if return_attention else y
