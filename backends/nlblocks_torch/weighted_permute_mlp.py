"""Weighted permute MLP in torch."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import mean


class WeightedPermuteMLP(Block):
    """Mixed channels, rows and columns: see :class:`nlblocks.specs.WeightedPermuteMLP` for the formula."""

    spec_type = specs.WeightedPermuteMLP
    spec: specs.WeightedPermuteMLP

    def __init__(
        self, spec: specs.WeightedPermuteMLP | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, e = spec.in_channels, spec.hidden
        self.channel = nn.Linear(c, c, bias=spec.bias)
        self.height = nn.Linear(c, c, bias=spec.bias)
        self.width = nn.Linear(c, c, bias=spec.bias)
        self.fc_1 = nn.Linear(c, e)
        self.fc_2 = nn.Linear(e, 3 * c)
        self.dropout = nn.Dropout(spec.dropout)
        self.out = nn.Linear(c, c)
        self.out_dropout = nn.Dropout(spec.out_dropout)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, S, S, C] → y [B, S, S, C], and with ``return_attention`` the map [B, 3, C]."""
        s, d = self.spec.segments, self.spec.width
        self.check_input(x)
        parts = x.unflatten(3, (s, d))  # [B, H, W, S, D]
        columns = self.height(parts.permute(0, 3, 2, 1, 4).flatten(3)).unflatten(3, (s, d))  # [B, S, W, H, D]
        rows = self.width(parts.permute(0, 1, 3, 2, 4).flatten(3)).unflatten(3, (s, d))  # [B, H, S, W, D]
        mixed = (
            self.channel(x),
            rows.permute(0, 1, 3, 2, 4).flatten(3),
            columns.permute(0, 3, 2, 1, 4).flatten(3),
        )  # [B, H, W, C] each
        pooled = mean(mixed[0] + mixed[1] + mixed[2], 1, 2)  # [B, C]
        value = self.dropout(self.fc_2(self.dropout(F.gelu(self.fc_1(pooled)))))  # [B, 3C]
        attention = value.unflatten(1, (-1, 3)).transpose(1, 2).softmax(1)  # [B, 3, C]
        first, second, third = attention[:, :, None, None].unbind(1)  # [B, 1, 1, C]
        y = self.out_dropout(self.out(mixed[0] * first + mixed[1] * second + mixed[2] * third))
        return (y, attention) if return_attention else y
