"""PaddleSeg: the blocks of its models/layers and heads, by the names of their classes.

The output of NonLocal2D is conv (no bias), BatchNorm and ReLU. Its concatenation has a BatchNorm on the affinities, for
which there is no spec; its gaussian mode crashes unless reduction is 1. Both are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError
from nlblocks.specs.asymmetric_fusion_non_local import AsymmetricFusionNonLocal
from nlblocks.specs.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_attention import ChannelAttention
from nlblocks.specs.criss_cross_attention import CrissCrossAttention
from nlblocks.specs.disentangled_non_local import DisentangledNonLocal, PairMode
from nlblocks.specs.expectation_maximisation_attention import ExpectationMaximisationAttention
from nlblocks.specs.external_attention import ExternalAttention
from nlblocks.specs.global_context import GlobalContext
from nlblocks.specs.interlaced_sparse_attention import InterlacedSparseAttention
from nlblocks.specs.layers import reduce_channels
from nlblocks.specs.multi_scale_convolutional_attention import MultiScaleConvolutionalAttention
from nlblocks.specs.non_local import Mode, NonLocal
from nlblocks.specs.object_attention import ObjectAttention
from nlblocks.specs.object_context import ObjectContext
from nlblocks.specs.polarized_self_attention import PolarizedSelfAttention
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.weights.dialects import ann, emanet
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless
from nlblocks.weights.dialects.mmcv import context_names
from nlblocks.weights.dialects.mmseg import scales
from nlblocks.weights.dialects.mmseg import self_attention as isa_attention
from nlblocks.weights.dialects.mmseg import self_attention_names as isa_names
from nlblocks.weights.dialects.paddle_blog import NORM
from nlblocks.weights.dialects.psa import parallel, parallel_names
from nlblocks.weights.dialects.sagan import self_attention, self_attention_names

MODES = ("embedded_gaussian", "dot_product", "gaussian")


def _block(
    in_channels: int,
    reduction: int = 2,
    use_scale: bool = True,
    sub_sample: bool = False,
    mode: Mode = "embedded_gaussian",
) -> BlockSpec:
    inner = reduce_channels(in_channels, reduction)
    if mode == "gaussian" and inner != in_channels:
        raise InputError(f"dialect paddleseg: mode='gaussian' crashes with reduction={reduction!r}; it needs 1")
    spec = NonLocal(
        in_channels=in_channels,
        inter_channels=inner,
        mode=mode,
        sub_sample="after" if sub_sample else "none",
        scale="sqrt_inner" if use_scale and mode == "embedded_gaussian" else "none",
        norm=NORM,
        zero_init=False,
        output_bias=False,
        output_relu=True,
    )
    _non_local(spec)  # refuses what the code cannot do
    return spec


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "paddleseg", spec, dims=(2,), mode=MODES, sub_sample=("none", "after"), output_bias=(False,),
        output_relu=(True,), scale=("none", "sqrt_inner") if spec.mode == "embedded_gaussian" else ("none",),
    )  # fmt: skip
    if spec.norm is None:
        raise InputError("dialect paddleseg: NonLocal has norm=None; this codebase has a BatchNorm only")
    pooled = ".0" if spec.sub_sample == "after" else ""
    return {
        "theta": "theta",
        "phi": f"phi{pooled}",
        "g": f"g{pooled}",
        "w_z": "conv_out._conv",
        "norm": "conv_out._batch_norm",
    }


def _pam(in_channels: int) -> BlockSpec:
    return self_attention("paddleseg", "PAM", in_channels)


def _cam(channels: int) -> BlockSpec:
    return ChannelAttention(in_channels=channels)


def _em(c: int, k: int, stage_num: int = 3, momentum: float = 0.1) -> BlockSpec:
    return emanet.bare_unit(c, k, stage_num, momentum)


def _criss_cross(in_channels: int, recurrence: int = 1) -> BlockSpec:
    """``recurrence`` is the head's: it calls one module that many times."""
    spec = CrissCrossAttention(in_channels=in_channels, recurrence=recurrence)
    _criss_cross_names(spec)
    return spec


def _channel(spec: ChannelAttention) -> Table:
    refuse_unless("paddleseg", spec, energy=("negated",))
    return {"gamma": "gamma"}


def _criss_cross_names(spec: CrissCrossAttention) -> Table:
    refuse_unless("paddleseg", spec, dims=(2,), inner=(spec.in_channels // 8,))
    return {"query": "q_conv", "key": "k_conv", "value": "v_conv", "gamma": "gamma"}


def _context(gc_channels: int, in_channels: int, ratio: float) -> BlockSpec:
    if gc_channels != in_channels:
        raise InputError(
            f"dialect paddleseg: GlobalContextBlock crashes with gc_channels={gc_channels!r}; it needs "
            f"in_channels={in_channels!r}"
        )
    return GlobalContext(
        in_channels=in_channels, inter_channels=int(in_channels * ratio), ln_eps=NORM.eps, zero_init=False
    )


def _context_names(spec: GlobalContext) -> Table:
    refuse_unless("paddleseg", spec, pool=("attention",), fuse=("add",), gate=("sigmoid",), ln_eps=(NORM.eps, 1e-5))
    return context_names(spec, (spec.inner,))


def _polarized(inplanes: int, planes: int, kernel_size: int = 1, stride: int = 1) -> BlockSpec:
    return parallel("paddleseg", "PolarizedSelfAttentionModule", inplanes, planes, stride)


def _multi_scale(dim: int, kernel_sizes: Sequence[int] = (7, 11, 21)) -> BlockSpec:
    return MultiScaleConvolutionalAttention(in_channels=dim, strip_sizes=tuple(kernel_sizes))


def _multi_scale_residual(d_model: int, atten_kernel_sizes: Sequence[int] = (7, 11, 21)) -> BlockSpec:
    return MultiScaleConvolutionalAttention(in_channels=d_model, strip_sizes=tuple(atten_kernel_sizes), residual=True)


def _multi_scale_names(spec: MultiScaleConvolutionalAttention) -> Table:
    refuse_unless("paddleseg", spec, kernel_size=(5,))
    inner = "spatial_gating_unit." if spec.residual else ""
    strips = {
        f"strips.{i}.{ours}": f"{inner}dwconvs.{i}.conv{i + 1}_{theirs}"
        for i in range(len(spec.strip_sizes)) for ours, theirs in (("row", 1), ("column", 2))
    }  # fmt: skip
    return {"local": f"{inner}conv0", **strips, "mix": f"{inner}conv_out", "proj_1": "proj_1", "proj_2": "proj_2"}


def _external(
    in_channels: int, out_channels: int, inter_channels: int, num_heads: int = 8, use_cross_kv: bool = False
) -> BlockSpec:
    """RTFormer's; it looks at every second position where it changes the channels."""
    if use_cross_kv:
        raise InputError("dialect paddleseg: ExternalAttention: use_cross_kv=True reads another branch, not a memory")
    if out_channels % num_heads:
        raise InputError(
            f"dialect paddleseg: ExternalAttention: out_channels={out_channels!r} must be a multiple of "
            f"num_heads={num_heads!r}"
        )
    return ExternalAttention(
        in_channels=in_channels, out_channels=None if out_channels == in_channels else out_channels,
        form="pre_norm", slots=inter_channels, heads=num_heads, eps=1e-6, norm=NORM,
    )  # fmt: skip


def _external_names(spec: ExternalAttention) -> Table:
    refuse_unless("paddleseg", spec, form=("pre_norm",), eps=(1e-6,))
    c, k, o = spec.in_channels, spec.slots, spec.out
    return {"norm": "norm", "key.weight": ("k", (k, c, 1, 1)), "value.weight": ("v", (o, k, 1, 1))}


def _disentangled(
    temperature: float,
    in_channels: int,
    reduction: int = 2,
    use_scale: bool = True,
    sub_sample: bool = False,
    mode: PairMode = "embedded_gaussian",
) -> BlockSpec:
    if sub_sample:
        raise InputError("dialect paddleseg: DisentangledNonLocal2D: sub_sample=True fails")
    spec = DisentangledNonLocal(
        in_channels=in_channels,
        inter_channels=reduce_channels(in_channels, reduction),
        mode=mode,
        scale="sqrt_inner" if use_scale and mode == "embedded_gaussian" else "none",
        temperature=temperature,
        norm=NORM,
        output_relu=True,
        zero_init=False,
    )
    _disentangled_names(spec)  # refuses what the code cannot do
    return spec


def _disentangled_names(spec: DisentangledNonLocal) -> Table:
    refuse_unless(
        "paddleseg", spec, mode=("embedded_gaussian", "dot_product"), sub_sample=("none",), scale=scales(spec),
        whiten=("positions",), unary=("mask",), pair_gamma=(False,), output=(True,), output_bias=(False,),
        output_relu=(True,),
    )  # fmt: skip
    if spec.norm is None:
        raise InputError("dialect paddleseg: DisentangledNonLocal has norm=None; this codebase has a BatchNorm only")
    own = {name: name for name in ("g", "theta", "phi")}
    return {**own, "mask": "conv_mask", "w_z": "conv_out._conv", "norm": "conv_out._batch_norm"}


def _isa_attention(in_channels: int, channels: int) -> BlockSpec:
    """The SelfAttentionBlock of isanet.py."""
    return isa_attention(in_channels, channels, NORM)


def _check_pyramid(cls: str, repeat_sizes: Sequence[int], psp_size: Sequence[int]) -> None:
    ann.check_stages("paddleseg", "repeat_sizes", repeat_sizes)
    if tuple(psp_size) != ann.SIZES:
        raise InputError(
            f"dialect paddleseg: {cls}: psp_size={psp_size!r} is ignored; it pools to 1, 3, 6, 8: leave it"
        )


def _pyramid(
    in_channels: int,
    out_channels: int,
    key_channels: int,
    value_channels: int,
    dropout_prob: float,
    repeat_sizes: Sequence[int] = (1,),
    psp_size: Sequence[int] = ann.SIZES,
) -> BlockSpec:
    _check_pyramid("APNB", repeat_sizes, psp_size)
    return AsymmetricPyramidNonLocal(
        in_channels=in_channels, key_channels=key_channels, value_channels=value_channels, out_channels=out_channels,
        conv_bias=True, dropout=dropout_prob, zero_init=False, norm=NORM,
    )  # fmt: skip


def _fusion(
    low_in_channels: int,
    high_in_channels: int,
    out_channels: int,
    key_channels: int,
    value_channels: int,
    dropout_prob: float,
    repeat_sizes: Sequence[int] = (1,),
    psp_size: Sequence[int] = ann.SIZES,
) -> BlockSpec:
    _check_pyramid("AFNB", repeat_sizes, psp_size)
    return AsymmetricFusionNonLocal(
        low_channels=low_in_channels, high_channels=high_in_channels, key_channels=key_channels,
        value_channels=value_channels, out_channels=out_channels, conv_bias=True, dropout=dropout_prob, zero_init=False,
        norm=NORM,
    )  # fmt: skip


def _asymmetric_names(spec: AsymmetricPyramidNonLocal | AsymmetricFusionNonLocal) -> Table:
    refuse_unless("paddleseg", spec, conv_bias=(True,), pool_sizes=(ann.SIZES,))
    parts = {"key": "stages.0.f_key", "output": "conv_bn"}
    if isinstance(spec, AsymmetricFusionNonLocal):
        parts["query"] = "stages.0.f_query"
    return {**ann.PLAIN, **ann.asymmetric_names(parts, "._conv", "._batch_norm")}


def _ocr(
    in_channels: int,
    key_channels: int,
    out_channels: int,
    regions: int | None = None,
    dropout_rate: float | None = None,
) -> BlockSpec:
    """SpatialOCRModule after a SpatialGatherBlock of ``regions``, as OCRHead holds both.

    Its dropout is 0.1 unless said; with ``regions``, which is no argument of its own, it is off unless said.
    """
    dropout = dropout_rate if dropout_rate is not None else 0.1 if regions is None else 0.0
    return ObjectContext(
        in_channels=in_channels, key_channels=key_channels, out_channels=out_channels, conv_bias=True, dropout=dropout,
        norm=NORM,
    )  # fmt: skip


def _object_names(spec: ObjectAttention) -> Table:
    refuse_unless("paddleseg", spec, conv_bias=(True,))
    parts = {
        "query.0": "f_pixel.0", "query.1": "f_pixel.1", "key.0": "f_object.0", "key.1": "f_object.1", "value": "f_down",
        "up": "f_up",
    }  # fmt: skip
    parts = {ours: f"attention_block.{theirs}" for ours, theirs in parts.items()} | {"output": "conv1x1.0"}
    layers = (("conv", "_conv"), ("norm", "_batch_norm"))
    return {f"{ours}.{leaf}": f"{theirs}.{own}" for ours, theirs in parts.items() for leaf, own in layers}


def _ocr_names(spec: ObjectContext) -> Table:
    refuse_unless("paddleseg", spec, scale=(1.0,))
    return {f"attention.{ours}": f"spatial_ocr.{name}" for ours, name in _object_names(spec.attention).items()}


DIALECT = Dialect(
    name="paddleseg",
    source="PaddleSeg, models/layers, models/gcnet.py, models/dnlnet.py and models/backbones/mscan.py",
    classes={
        "SelfAttentionBlock": _isa_attention,
        "SpatialOCRModule": _ocr,
        "APNB": _pyramid,
        "AFNB": _fusion,
        "NonLocal2D": _block,
        "DisentangledNonLocal2D": _disentangled,
        "PAM": _pam,
        "CAM": _cam,
        "EMAU": _em,
        "CrissCrossAttention": _criss_cross,
        "GlobalContextBlock": _context,
        "PolarizedSelfAttentionModule": _polarized,
        "AttentionModule": _multi_scale,
        "SpatialAttention": _multi_scale_residual,
        "ExternalAttention": _external,
    },
    tables={
        InterlacedSparseAttention: lambda spec: isa_names("paddleseg", spec, "_conv", "_batch_norm"),
        ObjectAttention: _object_names,
        ObjectContext: _ocr_names,
        AsymmetricPyramidNonLocal: _asymmetric_names,
        AsymmetricFusionNonLocal: _asymmetric_names,
        NonLocal: _non_local,
        DisentangledNonLocal: _disentangled_names,
        PositionAttention: lambda spec: self_attention_names("paddleseg", "PAM", spec),
        ChannelAttention: _channel,
        ExpectationMaximisationAttention: lambda spec: emanet.bare_names("paddleseg", spec, "mu"),
        CrissCrossAttention: _criss_cross_names,
        GlobalContext: _context_names,
        PolarizedSelfAttention: lambda spec: parallel_names("paddleseg", spec),
        MultiScaleConvolutionalAttention: _multi_scale_names,
        ExternalAttention: _external_names,
    },
    shared={AsymmetricPyramidNonLocal: lambda spec: ann.QUERY_IS_KEY},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
