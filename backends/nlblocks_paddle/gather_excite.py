"""Gather-excite in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, hard_sigmoid, max_pool, maximum, mean, pointwise
from nlblocks_paddle.resampling import nearest, surrounding_mean


class GatherExcite(Block):
    """y_cn = x_cn · a_cn: see :class:`nlblocks.specs.GatherExcite` for the formula, the fields and the shapes."""

    spec_type = specs.GatherExcite
    spec: specs.GatherExcite

    def __init__(self, spec: specs.GatherExcite | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c = spec.in_channels
        if spec.gather == "conv":
            self.gathers = nn.LayerList()
            for size in spec.kernels:
                conv = nn.Conv2D(c, c, size, spec.stride, (size - 1) // 2, groups=c, bias_attr=False)
                norm = [("norm", BatchNorm(c, spec.norm))] if spec.norm is not None else []
                self.gathers.append(nn.Sequential(("conv", conv), *norm))
        if spec.mlp:
            self.fc_1 = pointwise(2, c, spec.inner)
            self.fc_2 = pointwise(2, spec.inner, c)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W] or [B, C]."""
        spec = self.spec
        self.check_input(x)
        value = self._gathered(x)  # [B, C, h, w]
        value = self.fc_2(F.relu(self.fc_1(value))) if spec.mlp else value
        attention = F.sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
        attention = attention if spec.everywhere else nearest(attention, x.shape[2:])  # [B, C, H, W]
        y = x * attention  # [B, C, H, W]
        return (y, attention.flatten(1) if spec.everywhere else attention) if return_attention else y

    def _gathered(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → what is gathered, [B, C, h, w]."""
        spec, e = self.spec, self.spec.extent
        if spec.gather == "conv":
            for i, stage in enumerate(self.gathers):
                x = stage(F.relu(x) if i else x)
            return x
        value = surrounding_mean(x, e) if e else mean(x, 2, 3).unsqueeze([2, 3])
        if spec.gather == "avg":
            return value
        window = (2 * e - 1,) * 2
        largest = max_pool(x, window, stride=e, padding=e - 1) if e else maximum(x.flatten(2), 2).unsqueeze([2, 3])
        return 0.5 * value + 0.5 * largest
