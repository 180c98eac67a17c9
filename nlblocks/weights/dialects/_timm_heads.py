"""timm's layers of several heads, as its dialect has them: BottleneckAttn, HaloAttn and LambdaLayer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.bottleneck_attention import BottleneckAttention
from nlblocks.specs.halo_attention import HaloAttention
from nlblocks.specs.lambda_layer import LambdaLayer
from nlblocks.weights.dialects.base import Table, refuse_unless


def make_divisible(channels: float, divisor: int, limit: float = 0.9) -> int:
    """Rounding as timm does it: to the nearest multiple, at least one; one more where ``limit`` is not left."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < limit * channels else rounded


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A size of two extents, of which one number stands for both."""
    return (value, value) if isinstance(value, int) else tuple(value)  # type: ignore[return-value]  # the spec checks it


def head_widths(
    cls: str, dim_out: int, heads: int, dim_head: int | None, qk_ratio: float, stride: int
) -> tuple[int, int]:
    """The widths of a head's keys and values in BottleneckAttn, HaloAttn and LambdaLayer."""
    if dim_out % heads != 0:
        raise InputError(f"dialect timm: {cls}: dim_out={dim_out!r} must be a multiple of num_heads={heads!r}")
    if stride not in (1, 2):
        raise InputError(f"dialect timm: {cls}: stride={stride!r} has no effect there, or is refused; give 1 or 2")
    return dim_head or make_divisible(dim_out * qk_ratio, 8) // heads, dim_out // heads


def _bottleneck(
    dim: int,
    dim_out: int | None = None,
    feat_size: int | Sequence[int] | None = None,
    stride: int = 1,
    num_heads: int = 4,
    dim_head: int | None = None,
    qk_ratio: float = 1.0,
    qkv_bias: bool = False,
    scale_pos_embed: bool = False,
) -> BlockSpec:
    if feat_size is None:
        raise InputError("dialect timm: BottleneckAttn: feat_size is missing; it is the height and width of its maps")
    keys, values = head_widths("BottleneckAttn", dim_out or dim, num_heads, dim_head, qk_ratio, stride)
    return BottleneckAttention(
        in_channels=dim,
        map_size=pair(feat_size),
        heads=num_heads,
        key_channels=keys,
        value_channels=values,
        scale_position=scale_pos_embed,
        bias=qkv_bias,
        pool=stride,
    )


def _bottleneck_names(spec: BottleneckAttention) -> Table:
    refuse_unless("timm", spec, projection=("qkv",), position=("relative",))
    return {"qkv": "qkv", "height": "pos_embed.height_rel", "width": "pos_embed.width_rel"}


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
    qkv_bias: bool = False,
    avg_down: bool = False,
    scale_pos_embed: bool = False,
) -> BlockSpec:
    """``feat_size`` is not used there either."""
    keys, values = head_widths("HaloAttn", dim_out or dim, num_heads, dim_head, qk_ratio, stride)
    pooled = stride > 1 and (avg_down or block_size % stride != 0)
    return HaloAttention(
        in_channels=dim, heads=num_heads, key_channels=keys, value_channels=values, block_size=block_size,
        halo_size=halo_size, query_stride=1 if pooled else stride, scale_position=scale_pos_embed, bias=qkv_bias,
        pool=2 if pooled else 1,
    )  # fmt: skip


def _halo_names(spec: HaloAttention) -> Table:
    refuse_unless("timm", spec, mask_padding=(False,), kv_rows=("by_head",), output=(False,), query_stride=(1, 2))
    return {"q": "q", "kv": "kv", "height": "pos_embed.height_rel", "width": "pos_embed.width_rel"}


def _lambda(
    dim: int,
    dim_out: int | None = None,
    feat_size: int | Sequence[int] | None = None,
    stride: int = 1,
    num_heads: int = 4,
    dim_head: int | None = 16,
    r: int | None = 9,
    qk_ratio: float = 1.0,
    qkv_bias: bool = False,
) -> BlockSpec:
    """An even ``r`` gives the position term one row and one column too many there."""
    if dim_out not in (None, 0, dim):
        raise InputError(
            f"dialect timm: LambdaLayer lays its result out as dim={dim} channels: dim_out={dim_out!r} fails"
        )
    if r is None and feat_size is None:
        raise InputError("dialect timm: LambdaLayer: feat_size is missing; without r it is the size of its table")
    keys, values = head_widths("LambdaLayer", dim, num_heads, dim_head, qk_ratio, stride)
    return LambdaLayer(
        in_channels=dim, heads=num_heads, key_channels=keys, value_channels=values, kernel_size=r, bias=qkv_bias,
        map_size=pair(feat_size) if r is None and feat_size is not None else None, pool=stride,
    )  # fmt: skip


def _lambda_names(spec: LambdaLayer) -> Table:
    if spec.value_channels is not None:
        refuse_unless("timm", spec, value_channels=(spec.in_channels // spec.heads,))
    names: Table = {"qkv": "qkv", "norm_q": "norm_q", "norm_v": "norm_v"}
    if spec.kernel_size is None:
        return {**names, "position": "pos_emb"}
    kernel = (spec.key_channels, 1, spec.kernel_size, spec.kernel_size, 1)
    return {**names, "position.weight": ("conv_lambda.weight", kernel), "position.bias": "conv_lambda.bias"}


HEADS: Mapping[str, Callable[..., BlockSpec]] = {
    "BottleneckAttn": _bottleneck,
    "HaloAttn": _halo,
    "LambdaLayer": _lambda,
}
HEAD_NAMES: Mapping[type[BlockSpec], Callable[[Any], Table]] = {
    BottleneckAttention: _bottleneck_names,
    HaloAttention: _halo_names,
    LambdaLayer: _lambda_names,
}
