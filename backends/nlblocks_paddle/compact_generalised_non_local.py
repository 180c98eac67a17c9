"""Compact generalised non-local in Paddle."""

from __future__ import annotations

import math
from typing import Any

import paddle
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import narrowed
from nlblocks_paddle.layers import number
from nlblocks_paddle.norms import GroupNorm


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
        self.theta = nn.Conv2D(c, d, 1, bias_attr=False)
        self.phi = nn.Conv2D(c, d, 1, bias_attr=False)
        self.g = nn.Conv2D(c, d, 1, bias_attr=False)
        self.w_z = nn.Conv2D(d, c, 1, groups=spec.groups, bias_attr=False)
        self.norm = GroupNorm(spec.groups, c)
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → y [B, C, H, W]."""
        spec = self.spec
        self.check_input(x)
        b, _, h, w = x.shape
        width = spec.inner // spec.groups
        rows = [b, spec.groups, width, h * w]  # [B, G, K, N]
        theta, phi, g = self.theta(x).reshape(rows), self.phi(x).reshape(rows), self.g(x).reshape(rows)
        if spec.scale:
            count = width * h * w  # a tensor where a static program does not know the extents
            g = g / (number(math.sqrt(count), g) if isinstance(count, int) else count.astype(g.dtype).sqrt())
        u = self._series(theta, phi, g) if spec.taylor else theta  # [B, G, K, N]
        z = self.w_z(u.reshape([b, spec.inner, h, w]))  # [B, C, H, W]
        if spec.taylor:
            z = self.norm(z)
        else:
            product = (_wide(phi) * _wide(g)).sum([2, 3], keepdim=True)  # [B, G, 1, 1]
            z = narrowed(self._scaled_norm(_wide(z), product), z)
        y: Tensor = x + z
        return y

    def _series(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """Σ_k a_k θ^k ⟨φ^k, g⟩ of [B, G, K, N] each, by Horner's scheme."""
        products = []  # a_k ⟨φ^k, g⟩ by the power k, each [B, G, 1, 1]
        for factor in self.spec.taylor:
            products.append(g.sum([2, 3], keepdim=True) * number(factor, g))
            g = g * phi
        u = products[-1].expand_as(theta)
        for product in products[-2::-1]:
            u = u * theta + product
        return u

    def _scaled_norm(self, z: Tensor, value: Tensor) -> Tensor:
        """norm(value · z) for z [B, C, H, W] and value [B, G, 1, 1]."""
        b, c, h, w = z.shape
        rows = z.reshape([b, self.spec.groups, c // self.spec.groups, h * w])  # [B, G, J, N]
        centred = rows - rows.mean([2, 3], keepdim=True)
        var = centred.square().mean([2, 3], keepdim=True)  # [B, G, 1, 1]
        square = value.square()
        some = square > 0
        eps = number(self.norm.eps, z) / paddle.where(some, square, paddle.ones_like(square))
        plain = value / number(math.sqrt(self.norm.eps), z)
        factor = paddle.where(some, value.sign() / (var + eps).sqrt(), plain)  # [B, G, 1, 1]
        y = (centred * factor).reshape([b, c, h, w])  # [B, C, H, W]
        return y * self.norm.weight.reshape([-1, 1, 1]) + self.norm.bias.reshape([-1, 1, 1])


def _wide(x: Tensor) -> Tensor:
    return x.astype("float32") if x.dtype == paddle.float16 else x
