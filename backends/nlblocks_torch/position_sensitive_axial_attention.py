"""Position-sensitive axial attention in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm
from nlblocks_torch.resampling import window_mean


class PositionSensitiveAxialAttention(Block):
    """Self-attention along one axis: see :class:`nlblocks.specs.PositionSensitiveAxialAttention` for the formula."""

    spec_type = specs.PositionSensitiveAxialAttention
    spec: specs.PositionSensitiveAxialAttention

    def __init__(
        self, spec: specs.PositionSensitiveAxialAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.qkv = nn.Conv2d(spec.in_channels, 2 * spec.width, 1, bias=False)
        self.qkv_norm = BatchNorm(2 * spec.width, spec.norm)
        self.relative = nn.Parameter(torch.empty(2 * spec.head_width, 2 * spec.span - 1))
        self.score_norm = BatchNorm(3 * spec.heads, spec.norm)
        self.output_norm = BatchNorm(2 * spec.width, spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x [B, C, H, W] → y [B, O, H // s, W // s], and with ``return_attention`` each head's map [B, H, W, H + W]."""
        spec = self.spec
        self.check_input(x)
        lines = x.transpose(2, 3) if spec.along == "height" else x  # [B, C, R, L]: R lines
        qkv = self.qkv_norm(self.qkv(lines)).unflatten(1, (spec.heads, -1))  # [B, P, 2G, R, L]
        q, k, v = qkv.movedim(2, -1).split(spec.parts, -1)  # [B, P, R, L, G/2] twice, [B, P, R, L, G]
        at = torch.arange(spec.span, device=x.device)
        table = F.embedding(at[:, None] - at + spec.span - 1, self.relative.T)  # [L, L, 2G]: (i, j) is offset i - j
        of_q, of_k, of_v = table.split(spec.parts, -1)  # [L, L, G/2] twice, [L, L, G]

        scores = [
            q @ k.transpose(-2, -1),  # [B, P, R, L, L]
            (q.transpose(2, 3) @ of_q.transpose(1, 2)).transpose(2, 3),
            (k.transpose(2, 3) @ of_k.transpose(1, 2)).permute(0, 1, 3, 4, 2),  # made as [B, P, j, R, i]
        ]
        terms = self.score_norm(torch.cat(scores, 1)).unflatten(1, (3, spec.heads))  # [B, 3, P, R, L, L]
        weights = terms.sum(1).softmax(-1)  # [B, P, R, L, L]
        positions = (weights.transpose(2, 3) @ of_v).transpose(2, 3)  # [B, P, R, L, G]
        both = torch.stack([weights @ v, positions], -1)  # [B, P, R, L, G, 2]
        both = self.output_norm(both.permute(0, 1, 4, 5, 2, 3).flatten(1, 3))  # [B, 2O, R, L]
        y = both.unflatten(1, (spec.width, 2)).sum(2)  # [B, O, R, L]
        y = y.transpose(2, 3) if spec.along == "height" else y  # [B, O, H, W]
        if spec.stride > 1:
            y = window_mean(y, spec.stride)
        return (y, self._maps(weights)) if return_attention else y

    def _maps(self, weights: Tensor) -> Any:
        """Weights [B, P, R, L, L] → the map of each head, [B, H, W, H + W]."""
        zeros = weights.new_zeros((*weights.shape[:-1], weights.shape[2]))  # [B, P, R, L, R]
        if self.spec.along == "height":
            maps = torch.cat([weights, zeros], -1).transpose(2, 3)  # [B, P, H, W, H + W]
        else:
            maps = torch.cat([zeros, weights], -1)
        names = head_names(self.spec.heads)
        return {name: maps[:, head] for head, name in enumerate(names)} if len(names) > 1 else maps[:, 0]
