"""Polarized self-attention by its authors: PSA_p (parallel) and PSA_s (sequential)."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.polarized_self_attention import PolarizedSelfAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def parallel(dialect: str, cls: str, inplanes: int, planes: int, stride: int) -> BlockSpec:
    """The spec of PSA_p, which PaddleSeg has under another name. Its ``kernel_size`` has no effect."""
    spec = PolarizedSelfAttention(
        in_channels=_width(dialect, cls, inplanes, planes, stride, at_least=2),
        spatial_softmax="result",
        norm="none",
        up_bias=False,
    )
    parallel_names(dialect, spec)
    return spec


def _width(dialect: str, cls: str, inplanes: int, planes: int, stride: int, at_least: int) -> int:
    """C, of what the class runs with: its gates multiply its input, so they have its channels and extents."""
    if planes != inplanes:
        raise InputError(f"dialect {dialect}: {cls}: planes={planes!r} must be inplanes={inplanes!r}: it gates x")
    if stride != 1:
        raise InputError(f"dialect {dialect}: {cls}: stride={stride!r} must be 1: its spatial gate multiplies x itself")
    if isinstance(planes, int) and planes < at_least:
        raise InputError(
            f"dialect {dialect}: {cls}: planes={planes!r} leaves a layer without channels; give {at_least}"
        )
    return inplanes


def _psa_p(inplanes: int, planes: int, kernel_size: int = 1, stride: int = 1) -> BlockSpec:
    return parallel("psa", "PSA_p", inplanes, planes, stride)


def _psa_s(inplanes: int, planes: int, kernel_size: int = 1, stride: int = 1) -> BlockSpec:
    """``kernel_size`` has no effect."""
    return PolarizedSelfAttention(
        in_channels=_width("psa", "PSA_s", inplanes, planes, stride, at_least=8),
        mode="sequential",
        spatial_softmax="value",
        norm="inner",
    )


PROJECTIONS: Table = {
    "channel_query": "conv_q_right",
    "channel_value": "conv_v_right",
    "spatial_query": "conv_q_left",
    "spatial_value": "conv_v_left",
}


def parallel_names(dialect: str, spec: PolarizedSelfAttention) -> Table:
    """The names of PSA_p."""
    c, d = spec.in_channels, spec.inner
    refuse_unless(
        dialect, spec, mode=("parallel",), spatial_softmax=("result",), norm=("none",), bias=(False,),
        up_bias=(False,), inner=(c // 2,),
    )  # fmt: skip
    return {**PROJECTIONS, "up.weight": ("conv_up.weight", (c, d, 1, 1))}


def _names(spec: PolarizedSelfAttention) -> Table:
    if spec.mode == "parallel":
        return parallel_names("psa", spec)
    c, d, e = spec.in_channels, spec.inner, spec.hidden
    refuse_unless(
        "psa", spec, spatial_softmax=("value",), norm=("inner",), bias=(False,), up_bias=(True,), inner=(c // 2,),
        hidden=(d // 4,),
    )  # fmt: skip
    return {
        **PROJECTIONS,
        "down.weight": ("conv_up.0.weight", (e, d, 1, 1)), "down.bias": "conv_up.0.bias",
        "norm.weight": ("conv_up.1.weight", (e, 1, 1)), "norm.bias": ("conv_up.1.bias", (e, 1, 1)),
        "up.weight": ("conv_up.3.weight", (c, e, 1, 1)), "up.bias": "conv_up.3.bias",
    }  # fmt: skip


DIALECT = Dialect(
    name="psa",
    source="the authors' PSA, semantic-segmentation/network/PSA.py",
    classes={"PSA_p": _psa_p, "PSA_s": _psa_s},
    tables={PolarizedSelfAttention: _names},
)
