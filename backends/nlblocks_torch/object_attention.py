"""Object attention in torch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity, narrowed
from nlblocks_torch.layers import conv_norm


class ObjectAttention(Block):
    """y = g([u(A·v(o)), x]): see :class:`nlblocks.specs.ObjectAttention` for the formula, the fields and the shapes."""

    spec_type = specs.ObjectAttention
    spec: specs.ObjectAttention

    def __init__(self, spec: specs.ObjectAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        c, d = self.spec.in_channels, self.spec.keys
        self.query = nn.ModuleList([self._layer(c, d), self._layer(d, d)])
        self.key = nn.ModuleList([self._layer(c, d), self._layer(d, d)])
        self.value = self._layer(c, d)
        self.up = self._layer(d, c)
        self.output = self._layer(2 * c, self.spec.width)
        self.dropout = nn.Dropout2d(self.spec.dropout)
        self.reset_parameters(seed)

    def _layer(self, before: int, after: int) -> nn.Sequential:
        return conv_norm(2, before, after, self.spec.norm, bias=self.spec.conv_bias)

    def forward(self, x: Tensor, objects: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W], objects [B, C, K, 1] → y [B, O, H, W], and with ``return_attention`` the map [B, N, K]."""
        self.check_input(x, objects)
        query, key = x, objects
        for layer in self.query:
            query = torch.relu(layer(query))  # [B, D, H, W]
        for layer in self.key:
            key = torch.relu(layer(key))  # [B, D, K, 1]
        value = torch.relu(self.value(objects)).flatten(2)  # [B, D, K]
        scores = affinity(query.flatten(2).transpose(1, 2), key.flatten(2)) / math.sqrt(self.spec.keys)  # [B, N, K]
        attention = narrowed(scores.softmax(dim=-1), value)  # [B, N, K]
        read = value @ attention.transpose(1, 2)  # [B, D, N]
        context = torch.relu(self.up(read.reshape(x.shape[0], self.spec.keys, *x.shape[2:])))  # [B, C, H, W]
        y = self.dropout(torch.relu(self.output(torch.cat([context, x], dim=1))))  # [B, O, H, W]
        return (y, attention) if return_attention else y
