"""Object context (OCR) in Paddle."""

from __future__ import annotations

from typing import Any

from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.object_attention import ObjectAttention
from nlblocks_paddle.spatial_gather import SpatialGather


class ObjectContext(Block):
    """y = attention(x, gather(x, logits)): see :class:`nlblocks.specs.ObjectContext` for fields and shapes."""

    spec_type = specs.ObjectContext
    spec: specs.ObjectContext

    def __init__(self, spec: specs.ObjectContext | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.gather = SpatialGather(self.spec.gather)
        self.attention = ObjectAttention(self.spec.attention)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, logits: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W], logits [B, K, H, W] → y [B, O, H, W], and with ``return_attention`` the map [B, N, K]."""
        self.check_input(x, logits)
        objects = self.gather(x, logits)  # [B, C, K, 1]
        result: Tensor | tuple[Tensor, Tensor] = self.attention(x, objects, return_attention)
        return result
