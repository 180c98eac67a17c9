"""Position-sensitive axial attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm
from nlblocks_paddle.resampling import window_mean


class PositionSensitiveAxialAttention(Block):
    """Self-attention along one axis: see :class:`nlblocks.specs.PositionSensitiveAxialAttention` for the formula."""

    spec_type = specs.PositionSensitiveAxialAttention
    spec: specs.PositionSensitiveAxialAttention

    def __init__(
        self, spec: specs.PositionSensitiveAxialAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.qkv = nn.Conv2D(spec.in_channels, 2 * spec.width, 1, bias_attr=False)
        self.qkv_norm = BatchNorm(2 * spec.width, spec.norm)
        self.relative = self.create_parameter([2 * spec.head_width, 2 * spec.span - 1])
        self.score_norm = BatchNorm(3 * spec.heads, spec.norm)
        self.output_norm = BatchNorm(2 * spec.width, spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x [B, C, H, W] → y [B, O, H // s, W // s], and with ``return_attention`` each head's map [B, H, W, H + W]."""
        spec = self.spec
        self.check_input(x)
        o, p, g, size = spec.width, spec.heads, spec.head_width, spec.span
        lines = x.transpose([0, 1, 3, 2]) if spec.along == "height" else x  # [B, C, R, L]: R lines
        batch, count = lines.shape[0], lines.shape[2]
        qkv = self.qkv_norm(self.qkv(lines)).reshape([batch, p, 2 * g, count, size])  # [B, P, 2G, R, L]
        q, k, v = paddle.moveaxis(qkv, 2, -1).split(list(spec.parts), -1)  # [B, P, R, L, G/2] twice, [B, P, R, L, G]
        of_q, of_k, of_v = self._offsets().split(list(spec.parts), -1)  # [1, 1, L, L, G/2] twice, [1, 1, L, L, G]

        scores = [
            paddle.matmul(q, k, transpose_y=True),  # [B, P, R, L, L]
            paddle.matmul(q.transpose([0, 1, 3, 2, 4]), of_q, transpose_y=True).transpose([0, 1, 3, 2, 4]),
            paddle.matmul(k.transpose([0, 1, 3, 2, 4]), of_k, transpose_y=True).transpose([0, 1, 3, 4, 2]),
        ]
        terms = self.score_norm(paddle.concat(scores, 1)).reshape([batch, 3, p, count, size, size])
        weights = F.softmax(terms.sum(1), axis=-1)  # [B, P, R, L, L]
        positions = weights.transpose([0, 1, 3, 2, 4]) @ of_v  # [B, P, L, R, G]
        both = paddle.stack([weights @ v, positions.transpose([0, 1, 3, 2, 4])], -1)  # [B, P, R, L, G, 2]
        both = both.transpose([0, 1, 4, 5, 2, 3]).reshape([batch, 2 * o, count, size])
        y = self.output_norm(both).reshape([batch, o, 2, count, size]).sum(2)  # [B, O, R, L]
        y = y.transpose([0, 1, 3, 2]) if spec.along == "height" else y  # [B, O, H, W]
        if spec.stride > 1:
            y = window_mean(y, spec.stride)
        return (y, self._maps(weights)) if return_attention else y

    def _offsets(self) -> Tensor:
        """The table as [1, 1, L, L, 2G]: its entry (i, j) is that of the offset i - j.

        The axes of 1 are for Paddle, whose product of five axes and three has no gradient.
        """
        at = paddle.arange(self.spec.span)
        offsets = at.unsqueeze(1) - at + (self.spec.span - 1)  # [L, L]
        return F.embedding(offsets, self.relative.transpose([1, 0])).unsqueeze([0, 1])

    def _maps(self, weights: Tensor) -> Any:
        """Weights [B, P, R, L, L] → the map of each head, [B, H, W, H + W]."""
        zeros = paddle.zeros([*weights.shape[:-1], weights.shape[2]], weights.dtype)  # [B, P, R, L, R]
        if self.spec.along == "height":
            maps = paddle.concat([weights, zeros], -1).transpose([0, 1, 3, 2, 4])  # [B, P, H, W, H + W]
        else:
            maps = paddle.concat([zeros, weights], -1)
        names = head_names(self.spec.heads)
        return {name: maps[:, head] for head, name in enumerate(names)} if len(names) > 1 else maps[:, 0]
