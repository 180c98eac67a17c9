"""mmsegmentation: the PAM and CAM of its DAHead, whose gamma is a scalar, the two attentions of its MSCAN, and DNL.

DisentangledNonLocal2d holds τ and √D as float32, so the spec's temperature is what these make. It fails with
sub_sample, and its gaussian mode overwrites its input: both are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.asymmetric_fusion_non_local import AsymmetricFusionNonLocal
from nlblocks.specs.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_attention import ChannelAttention
from nlblocks.specs.disentangled_non_local import DisentangledNonLocal
from nlblocks.specs.expectation_maximisation_attention import ExpectationMaximisationAttention
from nlblocks.specs.interlaced_sparse_attention import InterlacedSparseAttention
from nlblocks.specs.layers import BatchNorm, reduce_channels
from nlblocks.specs.multi_scale_convolutional_attention import MultiScaleConvolutionalAttention
from nlblocks.specs.object_attention import ObjectAttention
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.specs.spatial_gather import SpatialGather
from nlblocks.weights.dialects import ann, emanet
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless
from nlblocks.weights.dialects.mmcv import norm_of


def _pam(in_channels: int, channels: int) -> BlockSpec:
    return PositionAttention(in_channels=in_channels, inter_channels=channels)


def _cam(in_channels: int) -> BlockSpec:
    """The class itself takes nothing: the width is that of its input."""
    return ChannelAttention(in_channels=in_channels)


def _em(channels: int, num_bases: int, num_stages: int, momentum: float) -> BlockSpec:
    return emanet.bare_unit(channels, num_bases, num_stages, momentum)


def _position(spec: PositionAttention) -> Table:
    return {
        "query": "query_project",
        "key": "key_project",
        "value": "value_project",
        "gamma": ("gamma.scale", ()),
    }


def _channel(spec: ChannelAttention) -> Table:
    refuse_unless("mmseg", spec, energy=("negated",))
    return {"gamma": ("gamma.scale", ())}


def _gather(scale: float) -> BlockSpec:
    return SpatialGather(scale=scale)


def _objects(in_channels: int, channels: int, scale: int, conv_cfg: Any, norm_cfg: Any, act_cfg: Any) -> BlockSpec:
    """The ObjectAttentionBlock of ocr_head.py; with a scale it fails."""
    if scale != 1:
        raise InputError(f"dialect mmseg: ObjectAttentionBlock: scale={scale!r} fails; only 1 works")
    norm = plain_layers("ObjectAttentionBlock", conv_cfg, norm_cfg, act_cfg)
    return ObjectAttention(in_channels=in_channels, key_channels=channels, norm=norm)


def _pyramid(
    in_channels: int, channels: int, out_channels: int, query_scales: Any, key_pool_scales: Any, conv_cfg: Any,
    norm_cfg: Any, act_cfg: Any,
) -> BlockSpec:  # fmt: skip
    ann.check_stages("mmseg", "query_scales", query_scales)
    if out_channels != in_channels:
        raise InputError(f"dialect mmseg: APNB: out_channels={out_channels!r} fails unless it is in_channels")
    return AsymmetricPyramidNonLocal(
        in_channels=in_channels, key_channels=channels, pool_sizes=tuple(key_pool_scales),
        norm=plain_layers("APNB", conv_cfg, norm_cfg, act_cfg),
    )  # fmt: skip


def _fusion(
    low_in_channels: int, high_in_channels: int, channels: int, out_channels: int, query_scales: Any,
    key_pool_scales: Any, conv_cfg: Any, norm_cfg: Any, act_cfg: Any,
) -> BlockSpec:  # fmt: skip
    ann.check_stages("mmseg", "query_scales", query_scales)
    return AsymmetricFusionNonLocal(
        low_channels=low_in_channels, high_channels=high_in_channels, key_channels=channels, out_channels=out_channels,
        pool_sizes=tuple(key_pool_scales), norm=plain_layers("AFNB", conv_cfg, norm_cfg, act_cfg),
    )  # fmt: skip


def _asymmetric_names(spec: AsymmetricPyramidNonLocal | AsymmetricFusionNonLocal) -> Table:
    refuse_unless("mmseg", spec, conv_bias=(False,), value_channels=(None, spec.keys), dropout=(0.0,))
    parts = {"key": "stages.0.key_project", "output": "bottleneck"}
    if isinstance(spec, AsymmetricFusionNonLocal):
        parts["query"] = "stages.0.query_project"
    else:
        refuse_unless("mmseg", spec, out_channels=(None, spec.in_channels))
    plain: dict[str, Foreign] = {"value": "stages.0.value_project", "context": "stages.0.out_project"}
    return plain | ann.asymmetric_names(parts, ".conv", ".bn")


def plain_layers(cls: str, conv_cfg: Any, norm_cfg: Any, act_cfg: Any) -> BatchNorm:
    """The BatchNorm of layers that are a convolution, a BatchNorm and a ReLU. Raises InputError for others."""
    norm = norm_of(norm_cfg, "mmseg")
    if conv_cfg is not None or norm is None or (act_cfg or {}).get("type") != "ReLU":
        raise InputError(
            f"dialect mmseg: {cls} is covered with conv_cfg=None, a norm_cfg and an act_cfg of type ReLU; received "
            f"conv_cfg={conv_cfg!r}, norm_cfg={norm_cfg!r}, act_cfg={act_cfg!r}"
        )
    return norm


def _object_names(spec: ObjectAttention) -> Table:
    refuse_unless("mmseg", spec, conv_bias=(False,), out_channels=(None, spec.in_channels), dropout=(0.0,))
    parts = {
        "query.0": "query_project.0", "query.1": "query_project.1", "key.0": "key_project.0", "key.1": "key_project.1",
        "value": "value_project", "up": "out_project", "output": "bottleneck",
    }  # fmt: skip
    return {f"{o}.{leaf}": f"{t}.{own}" for o, t in parts.items() for leaf, own in (("conv", "conv"), ("norm", "bn"))}


MSCA_KERNELS, MSCA_PADDINGS = (5, (1, 7), (1, 11), (1, 21)), (2, (0, 3), (0, 5), (0, 10))


def _msca(
    channels: int, kernel_sizes: Sequence[Any] = MSCA_KERNELS, paddings: Sequence[Any] = MSCA_PADDINGS
) -> BlockSpec:
    return _multi_scale(channels, kernel_sizes, paddings, residual=False)


def _msca_residual(
    in_channels: int,
    attention_kernel_sizes: Sequence[Any] = MSCA_KERNELS,
    attention_kernel_paddings: Sequence[Any] = MSCA_PADDINGS,
) -> BlockSpec:
    return _multi_scale(in_channels, attention_kernel_sizes, attention_kernel_paddings, residual=True)


def _multi_scale(channels: int, kernels: Sequence[Any], paddings: Sequence[Any], *, residual: bool) -> BlockSpec:
    """Its forward takes three pairs of strips; padding that changes the extents is refused."""
    strips = [tuple(pair) for pair in kernels[1:]]
    wanted = [kernels[0] // 2, *((height // 2, width // 2) for height, width in strips)]
    given = [paddings[0], *(tuple(pair) for pair in paddings[1:])]
    if len(strips) != 3 or any(height != 1 for height, _ in strips) or given != wanted:
        raise InputError(
            f"dialect mmseg: kernel sizes {kernels!r} with paddings {paddings!r} are not covered; it covers a number "
            "and three pairs (1, size), each padded by half of it"
        )
    sizes = tuple(width for _, width in strips)
    return MultiScaleConvolutionalAttention(
        in_channels=channels, kernel_size=kernels[0], strip_sizes=sizes, residual=residual
    )


def _multi_scale_names(spec: MultiScaleConvolutionalAttention) -> Table:
    if len(spec.strip_sizes) != 3:
        raise InputError(f"dialect mmseg: MSCAAttention has strip_sizes={spec.strip_sizes!r}; this codebase has three")
    inner = "spatial_gating_unit." if spec.residual else ""
    strips = {
        f"strips.{i}.{ours}": f"{inner}conv{i}_{theirs}"
        for i in range(3)
        for ours, theirs in (("row", 1), ("column", 2))
    }
    return {"local": f"{inner}conv0", **strips, "mix": f"{inner}conv3", "proj_1": "proj_1", "proj_2": "proj_2"}


def _disentangled(
    in_channels: int,
    temperature: float,
    sub_sample: bool = False,
    conv_cfg: Mapping[str, Any] | None = None,
    reduction: int = 2,
    use_scale: bool = True,
    norm_cfg: Mapping[str, Any] | None = None,
    mode: str = "embedded_gaussian",
    zeros_init: bool = True,
) -> BlockSpec:
    for name, given, working in (("sub_sample", sub_sample, False), ("conv_cfg", conv_cfg, None)):
        if given != working:
            raise InputError(f"dialect mmseg: DisentangledNonLocal2d: {name}={given!r} fails or is not covered")
    if mode == "gaussian":
        raise InputError("dialect mmseg: DisentangledNonLocal2d: mode='gaussian' overwrites its input")
    inner = reduce_channels(in_channels, reduction)
    softened = mode == "embedded_gaussian"
    if softened:
        temperature = float(np.float32(temperature))
        temperature *= float(np.float32(math.sqrt(inner))) / math.sqrt(inner) if use_scale else 1.0
    return DisentangledNonLocal(
        in_channels=in_channels,
        inter_channels=inner,
        mode=mode,  # type: ignore[arg-type]
        scale="sqrt_inner" if use_scale and softened else "none",
        temperature=temperature,
        output_bias=norm_cfg is None,
        norm=norm_of(norm_cfg, "mmseg"),
        zero_init=zeros_init,
    )


def _disentangled_names(spec: DisentangledNonLocal) -> Table:
    refuse_unless(
        "mmseg", spec, sub_sample=("none",), scale=scales(spec), whiten=("positions",), unary=("mask",),
        pair_gamma=(False,), output=(True,), output_bias=(spec.norm is None,), output_relu=(False,),
    )  # fmt: skip
    return {
        **{name: f"{name}.conv" for name in ("g", "theta", "phi")},
        "w_f": ("concat_project.conv.weight", (1, -1, 1, 1)),
        "mask": "conv_mask",
        "w_z": "conv_out.conv",
        "norm": "conv_out.bn",
    }


def scales(spec: DisentangledNonLocal) -> tuple[str, ...]:
    """What the affinity may be divided by in mmseg, and in PaddleSeg."""
    return ("none", "sqrt_inner") if spec.mode == "embedded_gaussian" else ("none",)


def _self_attention(in_channels: int, channels: int, conv_cfg: Any, norm_cfg: Any, act_cfg: Any) -> BlockSpec:
    """The SelfAttentionBlock of isa_head.py, which its head calls twice."""
    norm = plain_layers("ISASelfAttentionBlock", conv_cfg, norm_cfg, act_cfg)
    return self_attention(in_channels, channels, norm)


def self_attention(in_channels: int, channels: int, norm: BatchNorm) -> BlockSpec:
    """The spec of a SelfAttentionBlock of isa_head.py, which PaddleSeg has as well."""
    return InterlacedSparseAttention(
        in_channels=in_channels, key_channels=channels, form="attention", value_bias=True, norm=norm
    )


def self_attention_names(dialect: str, spec: InterlacedSparseAttention, conv: str, norm: str) -> Table:
    """Its tensors, where a layer's convolution and BatchNorm are called ``conv`` and ``norm``."""
    c = spec.in_channels
    refuse_unless(
        dialect, spec, form=("attention",), value_bias=(True,), value_channels=(None, c), out_channels=(None, c)
    )
    layers = {f"{part}.{index}": f"{part}_project.{index}" for part in ("query", "key") for index in range(2)}
    names: dict[str, Foreign] = {"attention.value": "value_project"}
    for ours, theirs in (layers | {"output": "output_project"}).items():
        names |= {f"attention.{ours}.conv": f"{theirs}.{conv}", f"attention.{ours}.norm": f"{theirs}.{norm}"}
    return names


DIALECT = Dialect(
    name="mmseg",
    source="mmsegmentation, the blocks of its decode heads (da, ann, dnl, ema, isa, ocr) and of backbones/mscan.py",
    classes={
        "ISASelfAttentionBlock": _self_attention,
        "SpatialGatherModule": _gather,
        "ObjectAttentionBlock": _objects,
        "APNB": _pyramid,
        "AFNB": _fusion,
        "PAM": _pam,
        "CAM": _cam,
        "MSCAAttention": _msca,
        "MSCASpatialAttention": _msca_residual,
        "DisentangledNonLocal2d": _disentangled,
        "EMAModule": _em,
    },
    tables={
        InterlacedSparseAttention: lambda spec: self_attention_names("mmseg", spec, "conv", "bn"),
        PositionAttention: _position,
        ExpectationMaximisationAttention: lambda spec: emanet.bare_names("mmseg", spec, "bases"),
        ChannelAttention: _channel,
        SpatialGather: lambda spec: {},
        ObjectAttention: _object_names,
        AsymmetricPyramidNonLocal: _asymmetric_names,
        AsymmetricFusionNonLocal: _asymmetric_names,
        MultiScaleConvolutionalAttention: _multi_scale_names,
        DisentangledNonLocal: _disentangled_names,
    },
    ignored=("num_batches_tracked",),
    shared={AsymmetricPyramidNonLocal: lambda spec: {"stages.0.query_project": "stages.0.key_project"}},
)
