"""External attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import narrowed
from nlblocks_paddle.layers import BatchNorm, number, pointwise


class ExternalAttention(Block):
    """m(u)_n = Σ_k a_nk v_k: see :class:`nlblocks.specs.ExternalAttention` for the formula, fields and shapes."""

    spec_type = specs.ExternalAttention
    spec: specs.ExternalAttention

    def __init__(self, spec: specs.ExternalAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, k, many = spec.in_channels, spec.slots, spec.form == "multi_head"
        wide = spec.run if many else c  # the width that the memory is read from
        self.key = nn.Linear(wide, k, bias_attr=None if many else False)
        self.value = nn.Linear(k, wide if many else spec.out, bias_attr=None if many else False)
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
        return y, attention if len(names) == 1 else {name: attention[:, i] for i, name in enumerate(names)}

    def _image(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'] and the map [B, N, K]."""
        spec = self.spec
        u = self.conv_1(x) if spec.form == "residual" else self.norm(x)[:, :, :: spec.stride, :: spec.stride]
        y, attention = self._memory(u.flatten(2).transpose([0, 2, 1]))  # [B, N, O], [B, N, K]
        y = y.transpose([0, 2, 1]).reshape([x.shape[0], spec.out, *u.shape[2:]])  # [B, O, H', W']
        return F.relu(x + self.norm(self.conv_2(y))) if spec.form == "residual" else y, attention

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, N, C] → y [B, N, C] and the maps [B, heads, N, K], or [B, N, K] where there is one head."""
        d, heads = self.spec.wide, self.spec.heads
        u = self.expand(x).reshape([x.shape[0], x.shape[1], heads, self.spec.run])
        y, attention = self._memory(u.transpose([0, 2, 1, 3]))  # [B, heads, N, E]
        y = self.project(y.transpose([0, 2, 1, 3]).reshape([x.shape[0], x.shape[1], d]))  # [B, N, C]
        return self.dropout(y), attention if heads > 1 else attention.squeeze(1)

    def _memory(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """u [..., N, E or C] → what the memory gives, [..., N, E or O], and the map [..., N, K]."""
        scores = self.key(u)  # [..., N, K]
        shares = F.softmax(scores.astype("float32") if scores.dtype == paddle.float16 else scores, axis=-2)
        eps = number(self.spec.eps, shares)
        if self.spec.runs > 1:
            rows = shares.reshape([shares.shape[0], shares.shape[1], self.spec.runs, self.spec.run])  # [B, N, heads, E]
            shares = (rows / (rows.sum(-1, keepdim=True) + eps)).flatten(-2)
        else:
            shares = shares / (shares.sum(-1, keepdim=True) + eps)
        attention = narrowed(shares, scores)
        return self.value(self.attention_dropout(attention)), attention
