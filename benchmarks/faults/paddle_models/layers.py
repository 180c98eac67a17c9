"""How the Paddle models make a layer, and the few layers that Paddle lacks."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs


def make(k: Knobs, name: str, cls: Any, *args: Any, **kwargs: Any) -> Any:
    return k.layer(name, cls, find, args, kwargs)


def find(name: str) -> Any:
    if name == "compat.Linear":
        return paddle.compat.nn.Linear
    return globals()[name] if name in globals() else getattr(nn, name)


class UnbiasedBatchNorm2D(nn.BatchNorm2D):
    """BatchNorm2D whose running variance averages the unbiased estimate, as torch's does: a careful port."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self._use_global_stats:
            return super().forward(x)
        before = self._variance.clone()
        y = super().forward(x)
        with paddle.no_grad():
            n = x.size // x.shape[1]
            biased = self._variance - self._momentum * before  # (1 - momentum) * variance
            self._variance.set_value(self._variance + biased / (n - 1))
        return y


class LayerNorm2D(nn.LayerNorm):
    """LayerNorm over the channels of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose([0, 2, 3, 1])).transpose([0, 3, 1, 2])  # [B, C, H, W]
