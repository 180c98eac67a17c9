"""EM attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity
from nlblocks_paddle.layers import BatchNorm, number


class ExpectationMaximisationAttention(Block):
    """y_n = Σ_k a_nk · μ_k: see :class:`nlblocks.specs.ExpectationMaximisationAttention` for formula and fields."""

    spec_type = specs.ExpectationMaximisationAttention
    spec: specs.ExpectationMaximisationAttention

    def __init__(
        self, spec: specs.ExpectationMaximisationAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.register_buffer("bases", paddle.zeros([spec.in_channels, spec.num_bases]))
        if spec.norm is not None:
            self.conv_1 = nn.Conv2D(spec.in_channels, spec.in_channels, 1)
            self.conv_2 = nn.Conv2D(spec.in_channels, spec.in_channels, 1, bias_attr=False)
            self.norm = BatchNorm(spec.in_channels, spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, N, K]."""
        self.check_input(x)
        wrapped = self.spec.norm is not None
        features = (self.conv_1(x) if wrapped else x).detach()  # [B, C, H, W]
        narrow, shape = features.dtype, features.shape
        features = features.flatten(2)  # [B, C, N]
        features = features if narrow == paddle.float64 else features.astype(paddle.float32)
        attention, bases = self._fit(features)  # [B, N, K], [B, C, K]
        y = (bases @ attention.transpose([0, 2, 1])).astype(narrow).reshape(shape)  # [B, C, H, W]
        if self.training and self.spec.update == "self":
            self._check_training(x)
            self._move(bases)
        if wrapped:
            y = F.relu(x + self.norm(self.conv_2(F.relu(y))))
        return (y, attention.astype(narrow)) if return_attention else y

    @paddle.jit.not_to_static
    def _check_training(self, x: Tensor) -> None:
        self.spec.check_training(tuple(x.shape))

    def _fit(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, C, N] → the map [B, N, K] and the bases [B, C, K]."""
        bases = self.bases.astype(features.dtype)  # [C, K], and after a step [B, C, K]
        for _ in range(self.spec.steps):
            attention = F.softmax(affinity(features.transpose([0, 2, 1]), bases), axis=2)
            bases = self._unit(affinity(features, attention / self._kept(attention.sum(1, keepdim=True))))
        return attention, bases

    def _unit(self, bases: Tensor) -> Tensor:
        """Bases [B, C, K], each divided by its length."""
        return bases / self._kept(bases.square().sum(1, keepdim=True).sqrt())

    def _kept(self, size: Tensor) -> Tensor:
        """A sum or a length, kept from zero."""
        eps = self.spec.eps
        return size.clip(min=eps) if self.spec.guard == "clamped" else size + number(eps, size)

    @paddle.no_grad()
    def _move(self, bases: Tensor) -> None:
        new = self._unit(bases.mean(0, keepdim=True))[0].astype(self.bases.dtype)  # [C, K]
        weight, rest = number(self.spec.momentum, new), number(1 - self.spec.momentum, new)
        paddle.assign(self.bases * rest + new * weight, self.bases)
