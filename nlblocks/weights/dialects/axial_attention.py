"""axial-attention by lucidrains: its AxialAttention."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.axial_attention import AxialAttention
from nlblocks.specs.base import BlockSpec
from nlblocks.weights.dialects.base import Dialect, Table


def _axial(
    dim: int,
    num_dimensions: int = 2,
    heads: int = 8,
    dim_heads: int | None = None,
    dim_index: int = -1,
    sum_axial_out: bool = True,
) -> BlockSpec:
    """``dim_index`` counts from the end where it is not positive."""
    spec = AxialAttention(
        in_channels=dim, heads=heads, head_channels=dim_heads, dims=num_dimensions,
        axis=dim_index if dim_index > 0 else dim_index + num_dimensions + 2, join="sum" if sum_axial_out else "chain",
    )  # fmt: skip
    _names(spec)
    return spec


def _names(spec: AxialAttention) -> Table:
    if spec.in_channels % spec.heads:
        raise InputError(
            f"dialect axial_attention: AxialAttention has heads={spec.heads!r}; this codebase has heads that divide "
            f"dim={spec.in_channels} only"
        )
    names = {"query": "to_q", "key_value": "to_kv", "out": "to_out"}
    return {
        f"axes.{index}.{ours}": f"axial_attentions.{index}.fn.{theirs}"
        for index in range(spec.dims)
        for ours, theirs in names.items()
    }


DIALECT = Dialect(
    name="axial_attention",
    source="axial-attention 0.6.1, axial_attention.py",
    classes={"AxialAttention": _axial},
    tables={AxialAttention: _names},
)
