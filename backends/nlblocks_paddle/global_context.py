"""Global context in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import hard_sigmoid, mean
from nlblocks_paddle.norms import LayerNorm


class GlobalContext(Block):
    """y = x · gate(mul(c)) + add(c): see :class:`nlblocks.specs.GlobalContext` for the formula and the fields."""

    spec_type = specs.GlobalContext
    spec: specs.GlobalContext

    def __init__(self, spec: specs.GlobalContext | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.mask = nn.Conv2D(spec.in_channels, 1, 1) if spec.pool == "attention" else None
        self.mul = _Transform(spec) if "mul" in spec.branches else None
        self.add = _Transform(spec) if "add" in spec.branches else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the maps: those of two in a dict."""
        self.check_input(x)
        maps = {}
        if self.mask is None:
            context = mean(x, 2, 3)  # [B, C]
        else:
            weights = F.softmax(self.mask(x).flatten(1), axis=1)  # [B, N]
            context = (x.flatten(2) @ weights.unsqueeze(2)).squeeze(2)  # [B, C]
            maps["spatial"] = weights.reshape([x.shape[0], *x.shape[2:]])  # [B, H, W]
        y = x
        if self.mul is not None:
            value = self.mul(context)  # [B, C]
            maps["channel"] = F.sigmoid(value) if self.spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
            y = y * _over_positions(maps["channel"])
        if self.add is not None:
            y = y + _over_positions(self.add(context))  # [B, C, H, W]
        if not return_attention:
            return y
        return y, maps if len(maps) > 1 else next(iter(maps.values()), None)


class _Transform(nn.Layer):
    """The MLP C → D → C of [B, C], with a LayerNorm over D."""

    def __init__(self, spec: specs.GlobalContext) -> None:
        super().__init__()
        self.fc_1 = nn.Linear(spec.in_channels, spec.inner)
        self.norm = LayerNorm(spec.inner, spec.ln_eps)
        self.fc_2 = nn.Linear(spec.inner, spec.in_channels)

    def forward(self, context: Tensor) -> Tensor:
        y: Tensor = self.fc_2(F.relu(self.norm(self.fc_1(context))))
        return y


def _over_positions(vector: Tensor) -> Tensor:
    return vector.unsqueeze([2, 3])
