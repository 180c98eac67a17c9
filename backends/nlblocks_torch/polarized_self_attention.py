"""Polarized self-attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.kernels.scores import affinity, narrowed
from nlblocks_torch.layers import mean
from nlblocks_torch.norms import LayerNorm


class PolarizedSelfAttention(Block):
    """A gate per channel and one per position: see :class:`nlblocks.specs.PolarizedSelfAttention` for the formula."""

    spec_type = specs.PolarizedSelfAttention
    spec: specs.PolarizedSelfAttention

    def __init__(
        self, spec: specs.PolarizedSelfAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d, e = spec.in_channels, spec.inner, spec.hidden
        self.channel_query = nn.Conv2d(c, 1, 1, bias=spec.bias)
        self.channel_value = nn.Conv2d(c, d, 1, bias=spec.bias)
        self.spatial_query = nn.Conv2d(c, d, 1, bias=spec.bias)
        self.spatial_value = nn.Conv2d(c, d, 1, bias=spec.bias)
        inner = spec.norm == "inner"
        if inner:
            self.down = nn.Linear(d, e, bias=spec.up_bias)
        if spec.norm != "none":
            self.norm = LayerNorm(e if inner else c)
        self.up = nn.Linear(e if inner else d, c, bias=spec.up_bias)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the maps "channel" and "spatial"."""
        self.check_input(x)
        n = x.shape[2] * x.shape[3]
        fast = choose("gather", n, n, (self.spec.inner, self.spec.inner), return_attention) == "fast"
        channel = self._channel(x, fast)  # [B, C]
        gated = x * channel[:, :, None, None]  # [B, C, H, W]
        source = x if self.spec.mode == "parallel" else gated
        spatial = self._spatial(source, fast)  # [B, H, W]
        y = source * spatial.unsqueeze(1)  # [B, C, H, W]
        y = gated + y if self.spec.mode == "parallel" else y
        return (y, {"channel": channel, "spatial": spatial}) if return_attention else y

    def _channel(self, x: Tensor, fast: bool) -> Tensor:
        """The gate per channel, [B, C]. The weights of positions sum to 1: the fast path gathers, then projects."""
        weights = self.channel_query(x).flatten(2).softmax(-1).transpose(1, 2)  # [B, N, 1]
        if fast:
            pooled = self.channel_value((x.flatten(2) @ weights).unsqueeze(3)).flatten(1)  # [B, D]
        else:
            pooled = (self.channel_value(x).flatten(2) @ weights).squeeze(2)  # [B, D]
        if self.spec.norm == "inner":
            return torch.sigmoid(self.up(torch.relu(self.norm(self.down(pooled)))))
        value = self.up(pooled)  # [B, C]
        return torch.sigmoid(self.norm(value) if self.spec.norm == "gate" else value)

    def _spatial(self, x: Tensor, fast: bool) -> Tensor:
        """The gate per position, [B, H, W]; on the fast path the query meets the positions, not their values."""
        softmax = self.spec.spatial_softmax
        if fast:
            query = self.spatial_query(mean(x, 2, 3)[:, :, None, None]).flatten(2)  # [B, D, 1]
        else:
            query = mean(self.spatial_query(x), 2, 3).unsqueeze(2)  # [B, D, 1]
        query = (query.softmax(1) if softmax == "query" else query).transpose(1, 2)  # [B, 1, D]
        if fast and softmax != "value":
            layer = self.spatial_value
            score = affinity(query @ layer.weight.flatten(1), x.flatten(2))  # [B, 1, N]
            score = score if layer.bias is None else score + (query @ layer.bias).unsqueeze(2)
        else:
            value = self.spatial_value(x).flatten(2)  # [B, D, N]
            score = affinity(query, value.softmax(-1) if softmax == "value" else value)  # [B, 1, N]
        score = score.softmax(-1) if softmax == "result" else score
        return narrowed(torch.sigmoid(score), x).view(x.shape[0], *x.shape[2:])
