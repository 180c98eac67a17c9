"""Class-specific residual attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import maximum, mean


class ClassSpecificResidualAttention(Block):
    """Logits of classes: see :class:`nlblocks.specs.ClassSpecificResidualAttention` for the formula and the fields."""

    spec_type = specs.ClassSpecificResidualAttention
    spec: specs.ClassSpecificResidualAttention

    def __init__(
        self, spec: specs.ClassSpecificResidualAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        c, k = self.spec.in_channels, self.spec.num_classes
        if self.spec.single:
            self.head = nn.Conv2d(c, k, 1, bias=False)
        else:
            self.heads = nn.ModuleList(nn.Conv2d(c, k, 1, bias=False) for _ in range(self.spec.heads))
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → logits [B, K]."""
        self.check_input(x)
        weights = self.parameters()  # each is a classifier, [K, C, 1, 1]
        logits = [self._logits(weight.flatten(1), x, index) for index, weight in enumerate(weights)]
        return torch.stack(logits).sum(0)

    def _logits(self, weight: Tensor, x: Tensor, index: int) -> Tensor:
        """Weight [K, C] → the logits of one head, [B, K]."""
        if self.spec.normalise:
            weight = weight / weight.square().sum(1, keepdim=True).sqrt()
        score = weight @ x.flatten(2)  # [B, K, N]
        if index == len(self.spec.temperatures):
            best = maximum(score, 2)  # [B, K]
        else:
            best = (score * (score * self.spec.temperatures[index]).softmax(2)).sum(2)  # [B, K]
        return mean(score, 2) + self.spec.weight * best
