"""Halo attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity, narrowed, relative_affinity
from nlblocks_torch.layers import halved, pointwise


class HaloAttention(Block):
    """y_n = Σ_m a_nm v_m over windows: see :class:`nlblocks.specs.HaloAttention` for the formula and the fields."""

    spec_type = specs.HaloAttention
    spec: specs.HaloAttention

    def __init__(self, spec: specs.HaloAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, g, d, v = spec.in_channels, spec.heads, spec.keys, spec.values
        self.q = nn.Conv2d(c, g * d, 1, stride=spec.query_stride, bias=spec.bias)
        self.kv = pointwise(2, c, g * (d + v), bias=spec.bias)
        self.height = nn.Parameter(torch.empty(2 * spec.window - 1, d))
        self.width = nn.Parameter(torch.empty(2 * spec.window - 1, d))
        self.out = pointwise(2, g * v, c) if spec.output else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → y [B, G·V or C, H / t, W / t], halved where it is pooled."""
        self.check_input(x)
        spec, (b, _, h, w) = self.spec, x.shape
        g, d, v, n, asked = spec.heads, spec.keys, spec.values, spec.window, spec.queries
        down, across = h // spec.block_size, w // spec.block_size  # blocks
        rows, inside_rows = self._windows(h, down, x)
        columns, inside_columns = self._windows(w, across, x)
        inside = inside_rows.unsqueeze(1) * inside_columns.unsqueeze(0)  # [down·n, across·n], 0 or 1
        kv = self.kv(x).index_select(2, rows).index_select(3, columns) * inside  # [B, P, down·n, across·n]
        if spec.kv_rows == "by_head":
            key, value = kv.reshape(b, g, d + v, down * n, across * n).split([d, v], dim=2)
        else:
            key, value = kv.split([g * d, g * v], dim=1)
        key = _blocks(key.reshape(b, g, d, down, n, across, n)).flatten(3, 4)  # [B, G, blocks, n², D]
        value = _blocks(value.reshape(b, g, v, down, n, across, n)).flatten(3, 4)  # [B, G, blocks, n², V]
        query = _blocks(self.q(x).reshape(b, g, d, down, asked, across, asked))  # [B, G, blocks, b/t, b/t, D]

        logits = affinity(query.flatten(3, 4), key.transpose(3, 4))  # [B, G, blocks, (b/t)², n²]
        position = relative_affinity(query, self.height, self.width)
        scale = spec.scale
        logits = (logits + position) * scale if spec.scale_position else logits * scale + position
        if spec.mask_padding:
            known = inside.reshape(down, n, across, n).transpose(1, 2).reshape(down * across, 1, n * n)
            logits = logits + known.to(logits.dtype).log()  # log 0 = -∞
        y = narrowed(logits.softmax(dim=-1), value) @ value  # [B, G, blocks, (b/t)², V]
        y = y.reshape(b, g, down, across, asked, asked, v).permute(0, 1, 6, 2, 4, 3, 5)
        y = y.reshape(b, g * v, down * asked, across * asked)
        y = y if self.out is None else self.out(y)
        return halved(y) if spec.pool == 2 else y

    def _windows(self, extent: int, blocks: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The places of each block's window along an axis, and 1 where they are on the map, else 0: [blocks·n] each."""
        starts = torch.arange(blocks, device=like.device) * self.spec.block_size - self.spec.halo_size
        places = (starts.unsqueeze(1) + torch.arange(self.spec.window, device=like.device)).flatten()
        inside = (places >= 0) & (places < extent)
        return places.clamp(0, extent - 1), inside.to(like.dtype)


def _blocks(x: Tensor) -> Tensor:
    """x [B, G, D, down, i, across, j] → [B, G, down·across, i, j, D]."""
    return x.permute(0, 1, 3, 5, 4, 6, 2).flatten(2, 3)
