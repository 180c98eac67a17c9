"""The disentangled non-local block in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks.paths import FORMULAS
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.kernels.products import dot_product, ramp_product, softmax_product
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import BatchNorm, max_pool, number


class DisentangledNonLocal(Block):
    """y = x + w_z(pairwise + unary): see :class:`nlblocks.specs.DisentangledNonLocal` for formula and fields."""

    spec_type = specs.DisentangledNonLocal
    spec: specs.DisentangledNonLocal

    def __init__(
        self, spec: specs.DisentangledNonLocal | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d = spec.in_channels, spec.inner
        self.g = nn.Conv2D(c, spec.value_width, 1, bias_attr=None if spec.output else False)
        self.theta = nn.Conv2D(c, d, 1)
        self.phi = nn.Conv2D(c, d, 1)
        self.w_f = self.create_parameter([2 * d]) if spec.mode == "concatenation" else None
        self.mask = nn.Conv2D(c, 1, 1) if spec.has_mask else None
        self.gamma = self.create_parameter([1]) if spec.pair_gamma else None
        self.w_z = nn.Conv2D(d, c, 1, bias_attr=None if spec.output_bias else False) if spec.output else None
        self.norm = BatchNorm(c, spec.norm) if spec.norm is not None else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the maps: those of two in a dict."""
        spec = self.spec
        self.check_input(x)
        source = max_pool(x, spec.pool)  # [B, C, *keys]
        query, key = self.theta(x).flatten(2), self.phi(source).flatten(2)  # [B, D, N], [B, D, M]
        g = self.g(source).flatten(2)  # [B, E, M]
        theta, phi = self._whitened(query), self._whitened(key)

        widths = (spec.inner, spec.value_width)
        if choose(FORMULAS[spec.mode], theta.shape[2], phi.shape[2], widths, return_attention) == "fast":
            y = self._product(theta, phi, g)  # [B, E, N]
        else:
            pairwise = narrowed(self._pairwise(theta, phi), g)  # [B, N, M]
            y = (pairwise @ g.transpose([0, 2, 1])).transpose([0, 2, 1])  # [B, E, N]
        y = y if self.gamma is None else self.gamma * y
        if spec.unary != "none":
            unary = self._unary(source, query, phi)  # [B, M]
            y = y + g @ unary.unsqueeze(2)
        y = y.reshape([x.shape[0], spec.value_width, *x.shape[2:]])  # [B, E, H, W]
        y = y if self.w_z is None else self.w_z(y)  # [B, C, H, W]
        y = y if self.norm is None else self.norm(y)
        y = x + (F.relu(y) if spec.output_relu else y)
        if not return_attention:
            return y
        if spec.unary == "none":
            return y, pairwise
        return y, {"pairwise": pairwise, "unary": unary.reshape([x.shape[0], *source.shape[2:]])}

    def _whitened(self, rows: Tensor) -> Tensor:
        """rows [B, D, N] less their mean."""
        axes = {"positions": [2], "channels": [1], "all": [1, 2]}.get(self.spec.whiten)
        return rows if axes is None else rows - rows.mean(axes, keepdim=True)

    def _pairwise(self, theta: Tensor, phi: Tensor) -> Tensor:
        """theta [B, D, N], phi [B, D, M] → the map [B, N, M]."""
        if self.w_f is not None:
            a, b = self._ramp(self.w_f, theta, phi)  # [B, N], [B, M]
            energy = F.relu(a.unsqueeze(2) + b.unsqueeze(1))  # [B, N, M]
        else:
            energy = affinity(theta.transpose([0, 2, 1]), phi)  # [B, N, M]
        energy = energy / number(self.spec.divisor, energy)
        return (
            F.softmax(energy, axis=-1)
            if self.spec.mode == "embedded_gaussian"
            else energy / number(phi.shape[2], energy)
        )

    def _product(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """theta [B, D, N], phi [B, D, M], g [B, E, M] → the map's product with g, [B, E, N], without the map."""
        if self.spec.mode == "embedded_gaussian":
            return softmax_product(theta, phi, g, self.spec.divisor)
        divisor = self.spec.divisor * phi.shape[2]
        if self.w_f is None:
            return dot_product(theta, phi, g, divisor)
        a, b = self._ramp(self.w_f, theta, phi)  # [B, N], [B, M]
        return ramp_product(a, b, g, divisor)

    @staticmethod
    def _ramp(w_f: Tensor, theta: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """The two terms of concatenation's affinity relu(a_i + b_j): a [B, N] of theta, b [B, M] of phi."""
        w_theta, w_phi = w_f.chunk(2)  # [D], [D]
        return w_theta @ theta, w_phi @ phi

    def _unary(self, source: Tensor, query: Tensor, phi: Tensor) -> Tensor:
        """source [B, C, *keys], query [B, D, N] before whitening, phi [B, D, M] → the map [B, M]."""
        logits = [] if self.mask is None else [self.mask(source).flatten(1)]  # [B, M]
        if self.spec.unary in ("mean", "both"):
            logits.append(affinity(query.mean(2).unsqueeze(1), phi).squeeze(1))  # [B, M]
        maps = [narrowed(F.softmax(each, axis=1), phi) for each in logits]
        return maps[0] if len(maps) == 1 else maps[0] + maps[1]
