"""The channel-affinity block in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import BatchNorm, number, pointwise


class ChannelAffinity(Block):
    """z = BN(w_z(A·g(x))) + x: see :class:`nlblocks.specs.ChannelAffinity` for the formula, fields and shapes."""

    spec_type = specs.ChannelAffinity
    spec: specs.ChannelAffinity

    def __init__(self, spec: specs.ChannelAffinity | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d = spec.in_channels, spec.inner
        self.g = pointwise(2, c, d)
        if spec.has_embedding:
            self.theta = pointwise(2, c, d)
            self.phi = pointwise(2, c, d)
        self.w_z = pointwise(2, d, c)
        self.norm = BatchNorm(c, spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → z [B, C, H, W], and with ``return_attention`` the map [B, D, D]."""
        spec = self.spec
        self.check_input(x)
        theta = (self.theta(x) if spec.has_embedding else x).flatten(2)  # [B, D, N]
        phi = (self.phi(x) if spec.has_embedding else x).flatten(2)  # [B, D, N]
        g = self.g(x).flatten(2)  # [B, D, N]

        energy = affinity(theta, phi.transpose([0, 2, 1]))  # [B, D, D]
        attention = energy / number(x.shape[2], x) if spec.mode == "dot_product" else F.softmax(energy, axis=-1)
        attention = narrowed(attention, g)
        y = (attention @ g).reshape([x.shape[0], spec.inner, *x.shape[2:]])  # [B, D, H, W]
        z = x + self.norm(self.w_z(y))  # [B, C, H, W]
        return (z, attention) if return_attention else z
