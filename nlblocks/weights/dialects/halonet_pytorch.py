"""halonet-pytorch (lucidrains) 0.0.5, whose mask leaves the padding out; its repository's snapshot inverts the mask."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.halo_attention import HaloAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _attention(dim: int, block_size: int, halo_size: int, dim_head: int = 64, heads: int = 8) -> BlockSpec:
    if not halo_size > 0:
        raise InputError(f"dialect halonet_pytorch: halo_size={halo_size!r} must be greater than 0 there")
    return HaloAttention(
        in_channels=dim,
        heads=heads,
        key_channels=dim_head,
        value_channels=dim_head,
        block_size=block_size,
        halo_size=halo_size,
        scale_position=True,
        mask_padding=True,
        kv_rows="keys_first",
        output=True,
    )


def _names(spec: HaloAttention) -> Table:
    refuse_unless(
        "halonet_pytorch", spec, query_stride=(1,), scale_position=(True,), mask_padding=(True,),
        kv_rows=("keys_first",), bias=(False,), output=(True,), pool=(1,), values=(spec.keys,),
    )  # fmt: skip
    c, inner = spec.in_channels, spec.heads * spec.keys
    return {
        "q.weight": ("to_q.weight", (inner, c)), "kv.weight": ("to_kv.weight", (2 * inner, c)),
        "height": "rel_pos_emb.rel_height", "width": "rel_pos_emb.rel_width",
        "out.weight": ("to_out.weight", (c, inner)), "out.bias": "to_out.bias",
    }  # fmt: skip


DIALECT = Dialect(
    name="halonet_pytorch",
    source="lucidrains/halonet-pytorch 0.0.5",
    classes={"HaloAttention": _attention},
    tables={HaloAttention: _names},
)
