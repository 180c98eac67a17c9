"""Object context (OCR), as arXiv:1909.11065 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.object_attention import ObjectAttention
from nlblocks_reference.scope import Array, Scope
from nlblocks_reference.spatial_gather import SpatialGather


class ObjectContext(Block):
    """y = attention(x, gather(x, logits)): see :class:`nlblocks.specs.ObjectContext`."""

    spec_type = specs.ObjectContext

    @staticmethod
    def compute(spec: specs.ObjectContext, p: Scope, x: Array, logits: Array) -> tuple[Array, Maps]:
        objects, _ = SpatialGather.compute(spec.gather, p("gather"), x, logits)  # [B, C, K, 1]
        return ObjectAttention.compute(spec.attention, p("attention"), x, objects)
