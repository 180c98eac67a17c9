"""Class-specific residual attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import maximum, mean, number


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
            self.head = nn.Conv2D(c, k, 1, bias_attr=False)
        else:
            self.heads = nn.LayerList([nn.Conv2D(c, k, 1, bias_attr=False) for _ in range(self.spec.heads)])
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → logits [B, K]."""
        self.check_input(x)
        heads = [self.head] if self.spec.single else self.heads
        logits = [self._logits(head.weight.flatten(1), x, index) for index, head in enumerate(heads)]
        return paddle.stack(logits).sum(0)

    def _logits(self, weight: Tensor, x: Tensor, index: int) -> Tensor:
        """Weight [K, C] → the logits of one head, [B, K]."""
        if self.spec.normalise:
            weight = weight / weight.square().sum(1, keepdim=True).sqrt()
        score = weight @ x.flatten(2)  # [B, K, N]
        if index == len(self.spec.temperatures):
            best = maximum(score, 2)  # [B, K]
        else:
            warmth = number(self.spec.temperatures[index], score)
            best = (score * F.softmax(score * warmth, axis=2)).sum(2)  # [B, K]
        return mean(score, 2) + best * number(self.spec.weight, best)
