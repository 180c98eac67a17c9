"""Compact generalised non-local in torch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import narrowed
from nlblocks_torch.norms import GroupNorm


class CompactGeneralisedNonLocal(Block):
    """y = x + norm(w_z(u)): see :class:`nlblocks.specs.CompactGeneralisedNonLocal` for the formula and the fields."""

    spec_type = specs.CompactGeneralisedNonLocal
    spec: specs.CompactGeneralisedNonLocal

    def __init__(
        self, spec: specs.CompactGeneralisedNonLocal | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d = spec.in_channels, spec.inner
        self.theta = nn.Conv2d(c, d, 1, bias=False)
        self.phi = nn.Conv2d(c, d, 1, bias=False)
        self.g = nn.Conv2d(c, d, 1, bias=False)
        self.w_z = nn.Conv2d(d, c, 1, groups=spec.groups, bias=False)
        self.norm = GroupNorm(spec.groups, c)
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → y [B, C, H, W]."""
        spec = self.spec
        self.check_input(x)
        b, _, h, w = x.shape
        rows = (b, spec.groups, spec.inner // spec.groups, h * w)  # [B, G, K, N]
        theta, phi, g = (layer(x).reshape(rows) for layer in (self.theta, self.phi, self.g))
        g = g / spec.divisor(h * w)
        u = self._series(theta, phi, g) if spec.taylor else theta  # [B, G, K, N]
        z = self.w_z(u.reshape(b, spec.inner, h, w))  # [B, C, H, W]
        if spec.taylor:
            z = self.norm(z)
        else:
            product = (_wide(phi) * _wide(g)).sum((2, 3), keepdim=True)  # [B, G, 1, 1]
            z = narrowed(self._scaled_norm(_wide(z), product), z)
        y: Tensor = x + z
        return y

    def _series(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """Σ_k a_k θ^k ⟨φ^k, g⟩ of [B, G, K, N] each, by Horner's scheme."""
        products = []  # a_k ⟨φ^k, g⟩ by the power k, each [B, G, 1, 1]
        for factor in self.spec.taylor:
            products.append(factor * g.sum((2, 3), keepdim=True))
            g = g * phi
        u = products.pop().expand_as(theta)
        while products:
            u = u * theta + products.pop()
        return u

    def _scaled_norm(self, z: Tensor, value: Tensor) -> Tensor:
        """norm(value · z) for z [B, C, H, W] and value [B, G, 1, 1]."""
        b, c, h, w = z.shape
        rows = z.reshape(b, self.spec.groups, c // self.spec.groups, h * w)  # [B, G, J, N]
        centred = rows - rows.mean((2, 3), keepdim=True)
        var = centred.square().mean((2, 3), keepdim=True)  # [B, G, 1, 1]
        square = value.square()
        some = square > 0
        eps = self.norm.eps / torch.where(some, square, torch.ones_like(square))
        plain = value / math.sqrt(self.norm.eps)
        factor = torch.where(some, value.sign() / (var + eps).sqrt(), plain)  # [B, G, 1, 1]
        y = (centred * factor).reshape(z.shape)  # [B, C, H, W]
        return y * self.norm.weight.view(-1, 1, 1) + self.norm.bias.view(-1, 1, 1)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.float16 else x
