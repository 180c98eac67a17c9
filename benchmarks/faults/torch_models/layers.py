"""How the torch models make a layer, and the few layers that torch lacks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs


def make(k: Knobs, name: str, cls: Any, *args: Any, **kwargs: Any) -> Any:
    return k.layer(name, cls, find, args, kwargs)


def find(name: str) -> Any:
    return globals()[name] if name in globals() else getattr(nn, name)


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # [B, C, H, W]


class BiasedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose running variance averages the biased estimate, as Paddle's does."""

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
            self.running_var.lerp_(x.var((0, 2, 3), unbiased=False), self.momentum)
            self.num_batches_tracked += 1
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
