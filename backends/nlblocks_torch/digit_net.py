"""DigitNet in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks.specs.digit_net import HIDDEN, WIDTHS
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, max_pool
from nlblocks_torch.non_local import NonLocal


class DigitNet(Block):
    """Three conv stages with two NonLocal blocks: see :class:`nlblocks.specs.DigitNet`."""

    spec_type = specs.DigitNet
    spec: specs.DigitNet

    def __init__(self, spec: specs.DigitNet | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.conv_1 = _stage(spec.in_channels, WIDTHS[0], spec.norm)
        self.nl_1 = NonLocal(spec.nl_1)
        self.conv_2 = _stage(WIDTHS[0], WIDTHS[1], spec.norm)
        self.nl_2 = NonLocal(spec.nl_2)
        self.conv_3 = _stage(WIDTHS[1], WIDTHS[2], spec.norm)
        self.fc_1 = nn.Linear(spec.features, HIDDEN)
        self.dropout = nn.Dropout(spec.dropout)
        self.fc_2 = nn.Linear(HIDDEN, spec.num_classes)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, *, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, S, S] → logits [B, num_classes], and with ``return_attention`` the maps by block name."""
        self.check_input(x)
        maps = {}
        x = max_pool(torch.relu(self.conv_1(x)), (2, 2))  # [B, 32, S/2, S/2]
        if return_attention:
            x, maps["nl_1"] = self.nl_1(x, return_attention=True)
        else:
            x = self.nl_1(x)
        x = max_pool(torch.relu(self.conv_2(x)), (2, 2))  # [B, 64, S/4, S/4]
        if return_attention:
            x, maps["nl_2"] = self.nl_2(x, return_attention=True)
        else:
            x = self.nl_2(x)
        x = max_pool(torch.relu(self.conv_3(x)), (2, 2))  # [B, 128, S/8, S/8]
        x = torch.relu(self.fc_1(x.flatten(1)))  # [B, 256]
        logits = self.fc_2(self.dropout(x))  # [B, num_classes]
        return (logits, maps) if return_attention else logits


def _stage(in_channels: int, out_channels: int, norm: specs.BatchNorm) -> nn.Sequential:
    stage = nn.Sequential()
    stage.add_module("conv", nn.Conv2d(in_channels, out_channels, 3, padding=1))
    stage.add_module("norm", BatchNorm(out_channels, norm))
    return stage
