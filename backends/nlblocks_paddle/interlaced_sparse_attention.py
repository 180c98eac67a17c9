"""Interlaced sparse attention in Paddle."""

from __future__ import annotations

import math
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks.specs.interlaced_sparse_attention import Attention as Widths
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.kernels.products import softmax_product
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import conv_norm, number
from nlblocks_paddle.resampling import known_extents


class InterlacedSparseAttention(Block):
    """y = short(long(x)): see :class:`nlblocks.specs.InterlacedSparseAttention` for the formula, fields and shapes."""

    spec_type = specs.InterlacedSparseAttention
    spec: specs.InterlacedSparseAttention

    def __init__(
        self, spec: specs.InterlacedSparseAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        if spec.form == "attention":
            self.attention = Attention(spec.attention, spec.norm)
        else:
            self.stages = nn.LayerList(Interlaced(spec, patch) for patch in spec.partitions)
        if spec.lifts:
            self.lift = conv_norm(2, spec.in_channels, spec.stacked, spec.norm)
        if spec.form == "module":
            beside = spec.stacked if spec.lifts else spec.in_channels
            self.output = conv_norm(2, beside + spec.stacked, spec.width, spec.norm)
            self.dropout = nn.Dropout2D(spec.dropout)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, O, H, W], and with ``return_attention`` the map [B, N, N], or {}."""
        self.check_input(x)
        if self.spec.form == "attention":
            y, attention = self.attention(x, return_attention)
            return (y, attention) if return_attention else y
        y = paddle.concat([stage(x) for stage in self.stages], axis=1)  # [B, stacked, H, W]
        if self.spec.form == "module":
            beside = F.relu(self.lift(x)) if self.spec.lifts else x
            y = self.dropout(F.relu(self.output(paddle.concat([beside, y], axis=1))))  # [B, O, H, W]
        return (y, {}) if return_attention else y


class Interlaced(nn.Layer):
    """``long``, then ``short``, in patches of one size."""

    def __init__(self, spec: specs.InterlacedSparseAttention, patch: tuple[int, int]) -> None:
        super().__init__()
        self.patch, self.width = patch, spec.width
        self.long = Attention(spec.attention, spec.norm)
        self.short = Attention(spec.short, spec.norm)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] → [B, O, H, W]."""
        c, (h, w) = x.shape[1], known_extents(x)
        (p_h, p_w), o = self.patch, self.width
        q_h, q_w = math.ceil(h / p_h), math.ceil(w / p_w)
        top, left = (q_h * p_h - h) // 2, (q_w * p_w - w) // 2
        padded = F.pad(x, [left, q_w * p_w - w - left, top, q_h * p_h - h - top])
        far = padded.reshape([-1, c, q_h, p_h, q_w, p_w]).transpose([0, 3, 5, 1, 2, 4])  # [B, P_h, P_w, C, Q_h, Q_w]
        y, _ = self.long(far.reshape([-1, c, q_h, q_w]))
        near = y.reshape([-1, p_h, p_w, o, q_h, q_w]).transpose([0, 4, 5, 3, 1, 2])  # [B, Q_h, Q_w, O, P_h, P_w]
        y, _ = self.short(near.reshape([-1, o, p_h, p_w]))
        y = y.reshape([-1, q_h, q_w, o, p_h, p_w]).transpose([0, 3, 1, 4, 2, 5])  # [B, O, Q_h, P_h, Q_w, P_w]
        return y.reshape([-1, o, q_h * p_h, q_w * p_w])[:, :, top : top + h, left : left + w]


class Attention(nn.Layer):
    """One attention over all positions of its input, between two layers each for queries and keys and one output."""

    def __init__(self, widths: Widths, norm: specs.BatchNorm) -> None:
        super().__init__()
        c, d = widths.inputs, widths.keys
        self.query = nn.LayerList([conv_norm(2, c, d, norm), conv_norm(2, d, d, norm)])
        self.key = nn.LayerList([conv_norm(2, c, d, norm), conv_norm(2, d, d, norm)])
        self.value = nn.Conv2D(c, widths.values, 1, bias_attr=None if widths.value_bias else False)
        self.output = conv_norm(2, widths.values, widths.outputs, norm)
        self.widths = widths

    def forward(self, x: Tensor, return_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """x [B, C, H, W] → [B, O, H, W], and the map [B, N, N] if it is asked for."""
        query, key = x, x
        for layer in self.query:
            query = F.relu(layer(query))  # [B, D, H, W]
        for layer in self.key:
            key = F.relu(layer(key))  # [B, D, H, W]
        query, key, value = query.flatten(2), key.flatten(2), self.value(x).flatten(2)  # [B, D or E, N]
        n, d, e = query.shape[2], self.widths.keys, self.widths.values
        scale, attention = math.sqrt(d), None
        if choose("softmax", n, n, (d, e), return_attention) == "fast":
            mixed = softmax_product(query, key, value, scale)  # [B, E, N]
        else:
            scores = affinity(query.transpose([0, 2, 1]), key)  # [B, N, N]
            attention = narrowed(F.softmax(scores / number(scale, scores), axis=-1), value)
            mixed = value @ attention.transpose([0, 2, 1])
        return F.relu(self.output(mixed.reshape([-1, e, *x.shape[2:]]))), attention
