"""The lambda layer in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, halved, pointwise


class LambdaLayer(Block):
    """y_n = λ_nᵀ q_n: see :class:`nlblocks.specs.LambdaLayer` for the formula, the fields and the shapes."""

    spec_type = specs.LambdaLayer
    spec: specs.LambdaLayer
    position: Any

    def __init__(self, spec: specs.LambdaLayer | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        queries, d, v = spec.widths
        self.qkv = pointwise(2, spec.in_channels, queries + d + v, bias=spec.bias)
        self.norm_q = BatchNorm(queries, spec.norm)
        self.norm_v = BatchNorm(v, spec.norm)
        if spec.map_size is None:
            self.position = nn.Conv2d(1, d, spec.kernel_size or 1, padding=(spec.kernel_size or 1) // 2)
        else:
            self.position = nn.Parameter(torch.empty(*(2 * size - 1 for size in spec.map_size), d))
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → y [B, G·V, H, W], halved where it is pooled."""
        self.check_input(x)
        spec, (b, _, h, w) = self.spec, x.shape
        (_, d, v), n = spec.widths, h * w
        query, key, value = self.qkv(x).split(list(spec.widths), dim=1)
        query = self.norm_q(query).reshape(b, spec.heads, d, n).permute(0, 3, 1, 2)  # [B, N, G, D]
        value = self.norm_v(value)  # [B, V, H, W]
        weights = key.reshape(b, d, n).softmax(dim=-1)  # [B, D, N]
        content = weights @ value.reshape(b, v, n).transpose(1, 2)  # [B, D, V]
        near = self._near(value.reshape(b * v, 1, h, w)).reshape(b, v, d, n).permute(0, 3, 2, 1)  # [B, N, D, V]
        y = query @ (near + content.unsqueeze(1))  # [B, N, G, V]
        y = y.permute(0, 2, 3, 1).reshape(b, spec.heads * v, h, w)
        return halved(y) if spec.pool == 2 else y

    def _near(self, value: Tensor) -> Tensor:
        """The position term, [X, D, H, W], of values [X, 1, H, W]: over all offsets, a table is a large kernel."""
        if self.spec.map_size is None:
            return self.position(value)
        h, w = self.spec.map_size
        return F.conv2d(value, self.position.permute(2, 0, 1).unsqueeze(1), padding=(h - 1, w - 1))
