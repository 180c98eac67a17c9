"""PaddleViT: the MHSA of its BoTNet and the HaloAttention of its HaloNet.

MHSA has square maps only: on others its height term has the wrong shape. HaloAttention takes ``dim_head`` and
``feat_size`` and uses neither; a ``qkv_bias`` of None is one, as everywhere in Paddle; with ``avg_down`` it takes every
``stride``-th query and pools by 2 besides.
"""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.bottleneck_attention import BottleneckAttention
from nlblocks.specs.halo_attention import HaloAttention
from nlblocks.weights.dialects._timm_heads import make_divisible
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


def _halo(
    dim: int,
    dim_out: int | None = None,
    feat_size: int | Sequence[int] | None = None,
    stride: int = 1,
    num_heads: int = 8,
    dim_head: int | None = None,
    block_size: int = 8,
    halo_size: int = 3,
    qk_ratio: float = 1.0,
    qkv_bias: bool | None = False,
    avg_down: bool = False,
    scale_pos_embed: bool = False,
) -> BlockSpec:
    width = dim_out or dim
    if width % num_heads != 0:
        raise InputError(f"dialect paddlevit: dim_out={width!r} must be a multiple of num_heads={num_heads!r}")
    return HaloAttention(
        in_channels=dim,
        heads=num_heads,
        key_channels=make_divisible(width * qk_ratio, 8) // num_heads,
        value_channels=width // num_heads,
        block_size=block_size,
        halo_size=halo_size,
        query_stride=stride,
        scale_position=scale_pos_embed,
        bias=qkv_bias is not False,
        pool=2 if stride > 1 and avg_down else 1,
    )


def _halo_names(spec: HaloAttention) -> Table:
    refuse_unless("paddlevit", spec, mask_padding=(False,), kv_rows=("by_head",), output=(False,))
    return {"q": "q", "kv": "kv", "height": "pos_embed.rel_height", "width": "pos_embed.rel_width"}


DIALECT = Dialect(
    name="paddlevit",
    source="PaddleViT, image_classification/BoTNet/botnet.py and HaloNet/halonet.py",
    classes={"MHSA": _mhsa, "HaloAttention": _halo},
    tables={BottleneckAttention: _bottleneck, HaloAttention: _halo_names},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
