"""Contextual transformer in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, conv_norm, mean
from nlblocks_torch.norms import GroupNorm


class ContextualTransformer(Block):
    """y_c = a_1c · u_c + a_2c · k_c: see :class:`nlblocks.specs.ContextualTransformer` for formula and fields."""

    spec_type = specs.ContextualTransformer
    spec: specs.ContextualTransformer

    def __init__(
        self, spec: specs.ContextualTransformer | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, e, d, v, g = spec.in_channels, spec.in_channels // 2, spec.inner, spec.weights, spec.groups
        norm = spec.norm
        self.key = conv_norm(2, c, c, norm, spec.kernel_size, groups=spec.key_groups)
        self.mix = conv_norm(2, 2 * c, e, norm, groups=g)
        self.weigh = nn.Conv2d(e, v, 1, groups=g)
        self.weigh_norm = GroupNorm(g * spec.sets, v)
        self.value = conv_norm(2, c, c, norm, groups=g)
        self.norm = BatchNorm(c, norm)
        self.fc_1 = nn.Conv2d(c, d, 1)
        self.fc_norm = BatchNorm(d, norm)
        self.fc_2 = nn.Conv2d(d, 2 * c, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, 2, C]."""
        self.check_input(x)
        key = torch.relu(self.key(x))  # [B, C, H, W]
        hidden = torch.relu(self.mix(self._pair(x, key)))  # [B, E, H, W]
        weights = self.weigh_norm(self.weigh(hidden))  # [B, V, H, W]
        dynamic = F.silu(self.norm(self._gather(weights, self.value(x))))  # [B, C, H, W]
        attention = self._join(mean(dynamic + key, 2, 3))  # [B, 2, C]
        of_dynamic, of_key = attention[..., None, None].unbind(1)  # [B, C, 1, 1] each
        y = dynamic * of_dynamic + key * of_key
        return (y, attention) if return_attention else y

    def _pair(self, x: Tensor, key: Tensor) -> Tensor:
        """Two of [B, C, H, W] → [B, L, H, W], one above the other, or channel by channel where there are groups."""
        return torch.cat([x, key], dim=1) if self.spec.groups == 1 else torch.stack([x, key], dim=2).flatten(1, 2)

    def _gather(self, weights: Tensor, value: Tensor) -> Tensor:
        """Weights [B, V, H, W] and value [B, C, H, W] → Σ_j w_j · v_j, [B, C, H, W]."""
        spec, extents = self.spec, value.shape[2:]
        kernel, count = spec.kernel_size, spec.kernel_size**2
        around = F.unfold(value, kernel, padding=kernel // 2)  # [B, C·K², N]
        around = around.unflatten(1, (spec.groups, spec.share, spec.sets, count))
        weights = weights.flatten(2).unflatten(1, (spec.groups, 1, spec.sets, count))
        return (weights * around).sum(4).flatten(1, 3).unflatten(2, extents)

    def _join(self, pooled: Tensor) -> Tensor:
        """[B, C] → what a channel takes of the dynamic context and of the static one, [B, 2, C]."""
        hidden = torch.relu(self.fc_norm(self.fc_1(pooled[..., None, None])))  # [B, D, 1, 1]
        value = self.fc_2(hidden).flatten(1).unflatten(1, (self.spec.in_channels, 2))
        return value.softmax(2).transpose(1, 2)
