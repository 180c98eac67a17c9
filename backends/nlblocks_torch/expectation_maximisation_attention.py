"""EM attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity
from nlblocks_torch.layers import BatchNorm


class ExpectationMaximisationAttention(Block):
    """y_n = Σ_k a_nk · μ_k: see :class:`nlblocks.specs.ExpectationMaximisationAttention` for formula and fields."""

    spec_type = specs.ExpectationMaximisationAttention
    spec: specs.ExpectationMaximisationAttention
    bases: Tensor

    def __init__(
        self, spec: specs.ExpectationMaximisationAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.register_buffer("bases", torch.empty(spec.in_channels, spec.num_bases))
        if spec.norm is not None:
            self.conv_1 = nn.Conv2d(spec.in_channels, spec.in_channels, 1)
            self.conv_2 = nn.Conv2d(spec.in_channels, spec.in_channels, 1, bias=False)
            self.norm = BatchNorm(spec.in_channels, spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, N, K]."""
        self.check_input(x)
        wrapped = self.spec.norm is not None
        features = (self.conv_1(x) if wrapped else x).detach().flatten(2)  # [B, C, N]
        narrow, features = features.dtype, features.to(torch.promote_types(features.dtype, torch.float32))
        attention, bases = self._fit(features)  # [B, N, K], [B, C, K]
        y = (bases @ attention.transpose(1, 2)).to(narrow).unflatten(2, x.shape[2:])  # [B, C, H, W]
        if self.training and self.spec.update == "self":
            self.spec.check_training(tuple(x.shape))
            self._move(bases)
        if wrapped:
            y = torch.relu(x + self.norm(self.conv_2(torch.relu(y))))
        return (y, attention.to(narrow)) if return_attention else y

    def _fit(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, C, N] → the map [B, N, K] and the bases [B, C, K]."""
        bases = self.bases.to(features.dtype)  # [C, K], and after a step [B, C, K]
        for _ in range(self.spec.steps):
            attention = affinity(features.transpose(1, 2), bases).softmax(2)
            bases = self._unit(affinity(features, attention / self._kept(attention.sum(1, keepdim=True))))
        return attention, bases

    def _unit(self, bases: Tensor) -> Tensor:
        """Bases [B, C, K], each divided by its length."""
        return bases / self._kept(bases.square().sum(1, keepdim=True).sqrt())

    def _kept(self, size: Tensor) -> Tensor:
        """A sum or a length, kept from zero."""
        return size.clamp(min=self.spec.eps) if self.spec.guard == "clamped" else size + self.spec.eps

    def _move(self, bases: Tensor) -> None:
        new = self._unit(bases.mean(0, keepdim=True))[0].to(self.bases.dtype)
        self.bases.mul_(1 - self.spec.momentum).add_(new, alpha=self.spec.momentum)
