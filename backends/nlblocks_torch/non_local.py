"""The non-local block in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks.paths import FORMULAS
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.kernels.products import dot_product, ramp_product, softmax_product
from nlblocks_torch.kernels.scores import affinity, narrowed
from nlblocks_torch.layers import BatchNorm, max_pool, pointwise


class NonLocal(Block):
    """z = w_z(y) + x: see :class:`nlblocks.specs.NonLocal` for the formula, the fields and the shapes."""

    spec_type = specs.NonLocal
    spec: specs.NonLocal

    def __init__(self, spec: specs.NonLocal | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d = spec.in_channels, spec.inner
        self.g = pointwise(spec.dims, c, d)
        if spec.has_embedding:
            self.theta = pointwise(spec.dims, c, d)
            self.phi = pointwise(spec.dims, c, d)
        if spec.mode == "concatenation":
            self.w_f = nn.Parameter(torch.empty(2 * d))
            self.b_f = nn.Parameter(torch.empty(1)) if spec.affinity_bias else None
        self.w_z = pointwise(spec.dims, d, c, bias=spec.output_bias)
        self.norm = BatchNorm(c, spec.norm) if spec.norm is not None else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, *spatial] → z [B, C, *spatial], and with ``return_attention`` the map [B, N, M]."""
        spec = self.spec
        self.check_input(x)
        source = max_pool(x, spec.pool) if spec.sub_sample == "before" else x  # [B, C, *keys]
        theta = self.theta(x) if spec.has_embedding else x  # [B, D, *spatial]
        phi = self.phi(source) if spec.has_embedding else source  # [B, D, *keys]
        g = self.g(source)  # [B, D, *keys]
        if spec.sub_sample == "after":
            phi, g = max_pool(phi, spec.pool), max_pool(g, spec.pool)

        theta, phi, g = theta.flatten(2), phi.flatten(2), g.flatten(2)  # [B, D, N], [B, D, M], [B, D, M]
        widths = (theta.shape[1], spec.inner)
        if choose(FORMULAS[spec.mode], theta.shape[2], phi.shape[2], widths, return_attention) == "fast":
            y = self._product(theta, phi, g)  # [B, D, N]
        else:
            attention = narrowed(self._attention(theta, phi), g)  # [B, N, M]
            y = (attention @ g.transpose(1, 2)).transpose(1, 2)  # [B, D, N]
        y = y.reshape(x.shape[0], spec.inner, *x.shape[2:])  # [B, D, *spatial]
        y = self.w_z(y)  # [B, C, *spatial]
        y = y if self.norm is None else self.norm(y)
        z = x + (torch.relu(y) if spec.output_relu else y)
        return (z, attention) if return_attention else z

    def _attention(self, theta: Tensor, phi: Tensor) -> Tensor:
        """theta [B, D, N], phi [B, D, M] → the map [B, N, M]; D is C in gaussian mode."""
        if self.spec.mode == "concatenation":
            a, b = self._ramp(theta, phi)  # [B, N], [B, M]
            energy = torch.relu(a[:, :, None] + b[:, None, :])  # [B, N, M]
        else:
            energy = affinity(theta.transpose(1, 2), phi)  # [B, N, M]
        energy = energy / self.spec.scale_value
        if self.spec.mode in ("embedded_gaussian", "gaussian"):
            return energy.softmax(dim=-1)
        return energy / phi.shape[-1]

    def _product(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """theta [B, D, N], phi [B, D, M], g [B, D, M] → the map's product with g, [B, D, N], without the map."""
        divisor = self.spec.scale_value * phi.shape[2]
        if self.spec.mode == "concatenation":
            a, b = self._ramp(theta, phi)  # [B, N], [B, M]
            return ramp_product(a, b, g, divisor)
        if self.spec.mode == "dot_product":
            return dot_product(theta, phi, g, divisor)
        return softmax_product(theta, phi, g, self.spec.scale_value)

    def _ramp(self, theta: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """The two terms of concatenation's affinity relu(a_i + b_j): a [B, N] of theta, b [B, M] of phi."""
        w_theta, w_phi = self.w_f.chunk(2)  # [D], [D]
        a, b = w_theta @ theta, w_phi @ phi
        return (a if self.b_f is None else a + self.b_f), b
