"""PaddleViT: the MHSA of its BoTNet, which has square maps only: on others its height term has the wrong shape."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.bottleneck_attention import BottleneckAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _mhsa(dim: int, fmap_size: Sequence[int], heads: int = 4, dim_qk: int = 128, dim_v: int = 128) -> BlockSpec:
    spec = BottleneckAttention(
        in_channels=dim,
        map_size=tuple(fmap_size),  # type: ignore[arg-type]  # the spec checks it
        heads=heads,
        key_channels=dim_qk,
        value_channels=dim_v,
        scale_position=True,
        projection="qk_v",
    )
    _bottleneck(spec)
    return spec


def _bottleneck(spec: BottleneckAttention) -> Table:
    refuse_unless(
        "paddlevit", spec, projection=("qk_v",), position=("relative",), scale_position=(True,), bias=(False,),
        pool=(1,),
    )  # fmt: skip
    if len(set(spec.map_size)) > 1:
        raise InputError(f"dialect paddlevit: MHSA fails on the map of {spec.map_size}; it needs a square one")
    return {"qk": "to_qk", "v": "to_v", "height": "pos_emb.rel_height", "width": "pos_emb.rel_width"}


DIALECT = Dialect(
    name="paddlevit",
    source="PaddleViT, image_classification/BoTNet/botnet.py",
    classes={"MHSA": _mhsa},
    tables={BottleneckAttention: _bottleneck},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
