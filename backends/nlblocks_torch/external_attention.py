"""External attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import narrowed
from nlblocks_torch.layers import BatchNorm, pointwise


class ExternalAttention(Block):
    """m(u)_n = Σ_k a_nk v_k: see :class:`nlblocks.specs.ExternalAttention` for the formula, fields and shapes."""

    spec_type = specs.ExternalAttention
    spec: specs.ExternalAttention

    def __init__(self, spec: specs.ExternalAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, k, many = spec.in_channels, spec.slots, spec.form == "multi_head"
        wide = spec.run if many else c  # the width that the memory is read from
        self.key = nn.Linear(wide, k, bias=many)
        self.value = nn.Linear(k, wide if many else spec.out, bias=many)
        if many:
            self.expand = nn.Linear(c, spec.wide)
            self.project = nn.Linear(spec.wide, c)
        if spec.form == "residual":
            self.conv_1 = pointwise(2, c, c)
            self.conv_2 = pointwise(2, c, c, bias=False)
        if spec.on_image:
            self.norm = BatchNorm(c, spec.norm)
        self.attention_dropout = nn.Dropout(spec.attention_dropout)
        self.dropout = nn.Dropout(spec.dropout)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x [B, C, H, W] or [B, N, C] → y, and with ``return_attention`` the map [B, N, K], of each head."""
        self.check_input(x)
        if self.spec.form == "multi_head":
            y, attention = self._heads(x)
        elif self.spec.on_image:
            y, attention = self._image(x)
        else:
            y, attention = self._memory(x)
        if not return_attention:
            return y
        names = self.spec.maps
        return y, attention if len(names) == 1 else dict(zip(names, attention.unbind(1), strict=True))

    def _image(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'] and the map [B, N, K]."""
        spec = self.spec
        u = self.conv_1(x) if spec.form == "residual" else self.norm(x)[:, :, :: spec.stride, :: spec.stride]
        y, attention = self._memory(u.flatten(2).transpose(1, 2))  # [B, N, O], [B, N, K]
        y = y.transpose(1, 2).reshape(x.shape[0], spec.out, *u.shape[2:])  # [B, O, H', W']
        return torch.relu(x + self.norm(self.conv_2(y))) if spec.form == "residual" else y, attention

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, N, C] → y [B, N, C] and the maps [B, heads, N, K], or [B, N, K] where there is one head."""
        b, n, _ = x.shape
        d, heads = self.spec.wide, self.spec.heads
        u = self.expand(x).reshape(b, n, heads, self.spec.run).transpose(1, 2)  # [B, heads, N, E]
        y, attention = self._memory(u)
        y = self.project(y.transpose(1, 2).reshape(b, n, d))  # [B, N, C]
        return self.dropout(y), attention if heads > 1 else attention.squeeze(1)

    def _memory(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """u [..., N, E or C] → what the memory gives, [..., N, E or O], and the map [..., N, K]."""
        scores = self.key(u)  # [..., N, K]
        shares = (scores.float() if scores.dtype == torch.float16 else scores).softmax(dim=-2)
        if self.spec.runs > 1:
            rows = shares.unflatten(-1, (self.spec.runs, self.spec.run))  # [..., N, heads, E]
            shares = (rows / (rows.sum(-1, keepdim=True) + self.spec.eps)).flatten(-2)
        else:
            shares = shares / (shares.sum(-1, keepdim=True) + self.spec.eps)
        attention = narrowed(shares, scores)
        return self.value(self.attention_dropout(attention)), attention
