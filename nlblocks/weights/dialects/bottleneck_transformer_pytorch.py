"""bottleneck-transformer-pytorch (lucidrains): its Attention, whose queries are scaled before the position term."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.bottleneck_attention import BottleneckAttention
from nlblocks.weights.dialects._timm_heads import pair
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _attention(
    dim: int, fmap_size: int | Sequence[int], heads: int = 4, dim_head: int = 128, rel_pos_emb: bool = False
) -> BlockSpec:
    return BottleneckAttention(
        in_channels=dim,
        map_size=pair(fmap_size),
        heads=heads,
        key_channels=dim_head,
        value_channels=dim_head,
        position="relative" if rel_pos_emb else "absolute",
        scale_position=True,
    )


def _names(spec: BottleneckAttention) -> Table:
    refuse_unless(
        "bottleneck_transformer_pytorch", spec, projection=("qkv",), scale_position=(True,), bias=(False,), pool=(1,),
        values=(spec.keys,),
    )  # fmt: skip
    rel = "rel_" if spec.position == "relative" else ""
    return {"qkv": "to_qkv", "height": f"pos_emb.{rel}height", "width": f"pos_emb.{rel}width"}


DIALECT = Dialect(
    name="bottleneck_transformer_pytorch",
    source="lucidrains/bottleneck-transformer-pytorch 0.1.4",
    classes={"Attention": _attention},
    tables={BottleneckAttention: _names},
)
