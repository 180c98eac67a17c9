"""Selective kernel in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, conv_norm, mean


class SelectiveKernel(Block):
    """y_c = Σ_r a_rc · u_rc: see :class:`nlblocks.specs.SelectiveKernel` for the formula, the fields and the shapes."""

    spec_type = specs.SelectiveKernel
    spec: specs.SelectiveKernel

    def __init__(self, spec: specs.SelectiveKernel | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, o, d, bias = spec.branch_channels, spec.width, spec.inner, spec.fc_bias
        self.branches = nn.ModuleList(
            conv_norm(
                2, c, o, spec.norm, kernel,
                stride=spec.stride, dilation=dilation, groups=spec.groups, bias=spec.conv_bias,
            )
            for kernel, dilation in spec.windows
        )  # fmt: skip
        self.fc_1 = nn.Linear(o, d, bias=bias)
        if spec.reduce_norm:
            self.norm = BatchNorm(d, spec.norm)
        self.fc_2 = (
            nn.Linear(d, spec.branches * o, bias=bias)
            if spec.joined
            else nn.ModuleList(nn.Linear(d, o, bias=bias) for _ in range(spec.branches))
        )
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, R, O]."""
        self.check_input(x)
        read = x.chunk(self.spec.branches, dim=1) if self.spec.split_input else [x] * self.spec.branches
        features = [torch.relu(branch(part)) for branch, part in zip(self.branches, read, strict=True)]
        attention = self._attention(mean(sum(features[1:], features[0]), 2, 3))  # [B, R, O]
        chosen = [
            feature * share.unsqueeze(-1).unsqueeze(-1)
            for feature, share in zip(features, attention.unbind(1), strict=True)
        ]
        y = sum(chosen[1:], chosen[0])  # [B, O, H', W']
        return (y, attention) if return_attention else y

    def _attention(self, pooled: Tensor) -> Tensor:
        """The means [B, O] → what each channel takes of each branch, [B, R, O]."""
        reduced = self.fc_1(pooled)  # [B, D]
        if self.spec.reduce_norm:
            reduced = torch.relu(self.norm(reduced))
        if isinstance(self.fc_2, nn.ModuleList):
            logits = torch.stack([layer(reduced) for layer in self.fc_2], dim=1)
        else:
            logits = self.fc_2(reduced).unflatten(1, (self.spec.branches, self.spec.width))
        return logits.softmax(dim=1)
