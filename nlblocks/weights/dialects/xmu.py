"""External-Attention-pytorch, a collection of blocks in torch: those that compute what they are named after."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.class_specific_residual_attention import ClassSpecificResidualAttention
from nlblocks.specs.contextual_window_attention import ContextualWindowAttention
from nlblocks.specs.coordinate_attention import CoordinateAttention
from nlblocks.specs.external_attention import ExternalAttention
from nlblocks.specs.parnet_attention import ParNetAttention
from nlblocks.specs.polarized_self_attention import Mode, PolarizedSelfAttention
from nlblocks.specs.selective_kernel import SelectiveKernel
from nlblocks.specs.shuffle_attention import ShuffleAttention
from nlblocks.specs.spatial_group_enhance import SpatialGroupEnhance
from nlblocks.specs.triplet_attention import TripletAttention
from nlblocks.specs.weighted_permute_mlp import WeightedPermuteMLP
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless
from nlblocks.weights.dialects.coordatt import coordinates, coordinates_names
from nlblocks.weights.dialects.sanet import shuffle_names
from nlblocks.weights.dialects.sge import group_names
from nlblocks.weights.dialects.triplet import PARTS, triplet, triplet_names


def _group_enhance(groups: int) -> BlockSpec:
    return SpatialGroupEnhance(groups=groups, bias_init=0.0)


def _polarized(mode: Mode, channel: int) -> BlockSpec:
    spec = PolarizedSelfAttention(in_channels=channel, mode=mode, bias=True)
    _polarized_names(spec)
    return spec


def _parallel_polarized(channel: int = 512) -> BlockSpec:
    return _polarized("parallel", channel)


def _sequential_polarized(channel: int = 512) -> BlockSpec:
    return _polarized("sequential", channel)


def _polarized_names(spec: PolarizedSelfAttention) -> Table:
    c, d = spec.in_channels, spec.inner
    refuse_unless(
        "xmu", spec, spatial_softmax=("query",), norm=("gate",), bias=(True,), up_bias=(True,), inner=(c // 2,)
    )
    return {
        "channel_query": "ch_wq", "channel_value": "ch_wv", "spatial_query": "sp_wq", "spatial_value": "sp_wv",
        "up.weight": ("ch_wz.weight", (c, d, 1, 1)), "up.bias": "ch_wz.bias", "norm": "ln",
    }  # fmt: skip


def _external(d_model: int, S: int = 64) -> BlockSpec:
    return ExternalAttention(in_channels=d_model, form="tokens", slots=S, eps=0.0)


def _external_names(spec: ExternalAttention) -> Table:
    refuse_unless("xmu", spec, form=("tokens",), eps=(0.0,))
    return {"key": "mk", "value": "mv"}


def _shuffle(channel: int = 512, reduction: int = 16, G: int = 8) -> BlockSpec:
    """The class takes ``reduction`` and does not use it."""
    return ShuffleAttention(in_channels=channel, groups=G)


def _selective(
    channel: int = 512, kernels: Sequence[int] = (1, 3, 5, 7), reduction: int = 16, group: int = 1, L: int = 32
) -> BlockSpec:  # fmt: skip
    return SelectiveKernel(
        in_channels=channel, kernel_sizes=tuple(kernels), dilated=False, groups=group, conv_bias=True,
        inter_channels=max(L, channel // reduction), reduce_norm=False, fc_bias=True, joined=False,
    )  # fmt: skip


def _selective_names(spec: SelectiveKernel) -> Table:
    refuse_unless(
        "xmu", spec, width=(spec.in_channels,), dilated=(False,), dilation=(1,), stride=(1,), split_input=(False,),
        conv_bias=(True,), reduce_norm=(False,), fc_bias=(True,), joined=(False,),
    )  # fmt: skip
    names: dict[str, Foreign] = {"fc_1": "fc", "fc_2": "fcs"}
    for index in range(spec.branches):
        names |= {f"branches.{index}.conv": f"convs.{index}.conv", f"branches.{index}.norm": f"convs.{index}.bn"}
    return names


def _residual(channel: int = 512, num_class: int = 1000, la: float = 0.2) -> BlockSpec:
    return ClassSpecificResidualAttention(
        in_channels=channel,
        num_classes=num_class,
        temperatures=(),
        maximum=True,
        weight=la,
        normalise=False,
        single=True,
    )


def _residual_names(spec: ClassSpecificResidualAttention) -> Table:
    refuse_unless("xmu", spec, temperatures=((),), normalise=(False,), single=(True,))
    return {"head": "fc"}


def _parnet(channel: int = 512) -> BlockSpec:
    return ParNetAttention(in_channels=channel, skip_norm=False, conv_bias=True, gate_bias=True)


def _parnet_names(spec: ParNetAttention) -> Table:
    refuse_unless(
        "xmu", spec, skips=(True,), groups=(1,), dense=(True,), gate=(True,), skip_norm=(False,), conv_bias=(True,),
        gate_bias=(True,), act=("silu",),
    )  # fmt: skip
    names: dict[str, Foreign] = {"squeeze": "sse.1"}
    for ours, theirs in (("dense", "conv3x3"), ("pointwise", "conv1x1")):
        names |= {f"{ours}.conv": f"{theirs}.0", f"{ours}.norm": f"{theirs}.1"}
    return names


def _window(dim: int = 512, kernel_size: int = 3) -> BlockSpec:
    """Its CoTAttention, which is another operator than CoTNet's."""
    return ContextualWindowAttention(in_channels=dim, kernel_size=kernel_size)


def _window_names(spec: ContextualWindowAttention) -> Table:
    refuse_unless("xmu", spec, key_groups=(4,), inner=(2 * spec.in_channels // 4,))
    layers = {"key": "key_embed", "value": "value_embed", "mix": "attention_embed"}
    parts = {f"{ours}.{part}": f"{theirs}.{i}" for ours, theirs in layers.items() for i, part in enumerate(PARTS)}
    return {**parts, "weigh": "attention_embed.3"}


def _permute_mlp(dim: int, seg_dim: int = 8, qkv_bias: bool = False, proj_drop: float = 0.0) -> BlockSpec:
    """Its MLP drops a tenth wherever it is used."""
    spec = WeightedPermuteMLP(
        in_channels=dim, segments=seg_dim, bias=qkv_bias, dropout=0.1, out_dropout=proj_drop
    )  # fmt: skip
    _permute_mlp_names(spec)
    return spec


def _permute_mlp_names(spec: WeightedPermuteMLP) -> Table:
    refuse_unless("xmu", spec, hidden=(spec.in_channels // 4,))
    return {
        "channel": "mlp_c", "height": "mlp_h", "width": "mlp_w", "fc_1": "reweighting.fc1", "fc_2": "reweighting.fc2",
        "out": "proj",
    }  # fmt: skip


DIALECT = Dialect(
    name="xmu",
    source="External-Attention-pytorch, model/attention",
    classes={
        "ParallelPolarizedSelfAttention": _parallel_polarized,
        "SequentialPolarizedSelfAttention": _sequential_polarized,
        "ExternalAttention": _external,
        "SpatialGroupEnhance": _group_enhance,
        "ShuffleAttention": _shuffle,
        "TripletAttention": triplet,
        "CoordAtt": coordinates,
        "CoTAttention": _window,
        "SKAttention": _selective,
        "ParNetAttention": _parnet,
        "ResidualAttention": _residual,
        "WeightedPermuteMLP": _permute_mlp,
    },
    tables={
        PolarizedSelfAttention: _polarized_names,
        ExternalAttention: _external_names,
        SpatialGroupEnhance: lambda spec: group_names("xmu", spec),
        ShuffleAttention: shuffle_names,
        ContextualWindowAttention: _window_names,
        TripletAttention: lambda spec: triplet_names("xmu", spec),
        CoordinateAttention: lambda spec: coordinates_names("xmu", spec),
        SelectiveKernel: _selective_names,
        ParNetAttention: _parnet_names,
        ClassSpecificResidualAttention: _residual_names,
        WeightedPermuteMLP: _permute_mlp_names,
    },
    ignored=("num_batches_tracked",),
)
