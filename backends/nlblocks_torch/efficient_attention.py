"""Efficient attention in torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.kernels.products import dot_product
from nlblocks_torch.kernels.scores import affinity, narrowed
from nlblocks_torch.layers import pointwise


class EfficientAttention(Block):
    """z = x + reproject(y): see :class:`nlblocks.specs.EfficientAttention` for the formula, fields and shapes."""

    spec_type = specs.EfficientAttention
    spec: specs.EfficientAttention

    def __init__(
        self, spec: specs.EfficientAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.query = pointwise(2, spec.in_channels, spec.keys)
        self.key = pointwise(2, spec.in_channels, spec.keys)
        self.value = pointwise(2, spec.in_channels, spec.values)
        self.reproject = pointwise(2, spec.values, spec.in_channels)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x [B, C, H, W] → z [B, C, H, W], and with ``return_attention`` the map [B, N, N], of each head."""
        self.check_input(x)
        spec, b, n = self.spec, x.shape[0], x.shape[2] * x.shape[3]
        d, e = spec.keys // spec.heads, spec.values // spec.heads
        query = self.query(x).reshape(b * spec.heads, d, n).softmax(1)  # [B·heads, D / heads, N]
        key = self.key(x).reshape(b * spec.heads, d, n).softmax(2)  # [B·heads, D / heads, N]
        value = self.value(x).reshape(b * spec.heads, e, n)  # [B·heads, E / heads, N]
        if choose("product", n, n, (d, e), return_attention) == "fast":
            y = dot_product(query, key, value, 1.0)  # [B·heads, E / heads, N]
        else:
            attention = narrowed(affinity(query.transpose(1, 2), key), value)  # [B·heads, N, N]
            y = value @ attention.transpose(1, 2)  # [B·heads, E / heads, N]
        z = x + self.reproject(y.reshape(b, spec.values, *x.shape[2:]))  # [B, C, H, W]
        if not return_attention:
            return z
        maps = attention.reshape(b, spec.heads, n, n).unbind(1)
        return z, maps[0] if spec.heads == 1 else dict(zip(spec.maps, maps, strict=True))
