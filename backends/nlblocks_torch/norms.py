"""Group and layer normalisation in torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group normalisation of [B, C, ...]: each of ``groups`` groups of channels over its channels and positions."""

    def __init__(self, groups: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__(groups, channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        """What F.group_norm gives, and of one value a group the bias, which it refuses to give."""
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class LayerNorm(nn.Module):
    """Layer normalisation of [B, C, ...] over C, each position alone."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = F.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias, self.eps)
        return rows.movedim(x.ndim - 1, 1)  # torch.onnx writes a wrong file of a negative source
