"""timm's channel attention: SEModule, EcaModule, CecaModule, CbamModule. 1×1 convolutions stand for Linear layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nlblocks.errors import InputError, known
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.cbam import CBAM
from nlblocks.specs.efficient_channel_attention import EfficientChannelAttention, PaddingMode
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.squeeze_excitation import Gate, SqueezeExcitation
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless

GATES = ("sigmoid", "hard_sigmoid")


def _width(channels: int, ratio: float, fixed: int | None, divisor: int) -> int:
    """Timm rounds the exact quotient, with no second step for large losses here."""
    return fixed if fixed is not None else max(divisor, int(channels * ratio + divisor / 2) // divisor * divisor)


def _se(
    channels: int,
    rd_ratio: float = 1 / 16,
    rd_channels: int | None = None,
    rd_divisor: int = 8,
    add_maxpool: bool = False,
    bias: bool = True,
    gate_layer: Gate = "sigmoid",
) -> BlockSpec:
    if add_maxpool:
        raise InputError("dialect timm_attn: add_maxpool=True averages two pools, for which there is no spec")
    if gate_layer not in GATES:
        raise InputError(f"dialect timm_attn: gate_layer={gate_layer!r} is not covered; it covers {known(GATES)}")
    inner = _width(channels, rd_ratio, rd_channels, rd_divisor)
    return SqueezeExcitation(in_channels=channels, inter_channels=inner, bias=bias, gate=gate_layer)


def _eca(padding_mode: PaddingMode) -> Callable[..., BlockSpec]:
    def eca(channels: int | None = None, kernel_size: int = 3, gamma: float = 2, beta: float = 1) -> BlockSpec:
        if channels is None:
            raise InputError(
                "dialect timm_attn: channels=None says no width; give it, and kernel_size to the spec itself"
            )
        kernel = max(layers.adaptive_kernel(channels, gamma, beta), 3)  # timm ignores kernel_size where it has channels
        return EfficientChannelAttention(in_channels=channels, kernel_size=kernel, padding_mode=padding_mode)

    return eca


def _cbam(
    channels: int,
    rd_ratio: float = 1 / 16,
    rd_channels: int | None = None,
    rd_divisor: int = 1,
    spatial_kernel_size: int = 7,
    mlp_bias: bool = False,
) -> BlockSpec:
    return CBAM(
        in_channels=channels,
        inter_channels=_width(channels, rd_ratio, rd_channels, rd_divisor),
        mlp_bias=mlp_bias,
        spatial_kernel_size=spatial_kernel_size,
        order=("mean", "max"),
        norm=BatchNorm(),
    )


def _pointwise(ours: str, theirs: str, spec: Any) -> dict[str, Foreign]:
    """The weight of a Linear layer as that of a 1×1 convolution; its bias, where it has one, is the same."""
    c, d = spec.in_channels, spec.inner
    shapes = {"1": (d, c, 1, 1), "2": (c, d, 1, 1)}
    rows: dict[str, Foreign] = {f"{ours}_{i}.bias": f"{theirs}{i}.bias" for i in "12"}
    return rows | {f"{ours}_{i}.weight": (f"{theirs}{i}.weight", shapes[i]) for i in "12"}


def _se_names(spec: SqueezeExcitation) -> Table:
    refuse_unless("timm_attn", spec, pool=("avg",), gate=GATES)
    return _pointwise("fc", "fc", spec)


def _eca_names(spec: EfficientChannelAttention) -> Table:
    return {"conv": "conv"}


def _cbam_names(spec: CBAM) -> Table:
    refuse_unless("timm_attn", spec, mode=("fc",), order=(("mean", "max"),), spatial_bias=(False,))
    if spec.norm is None:
        raise InputError("dialect timm_attn: CBAM has norm=None; this codebase has a BatchNorm only")
    spatial = {"spatial.conv": "spatial.conv.conv", "spatial.norm": "spatial.conv.bn"}
    return _pointwise("channel.fc", "channel.fc", spec.channel) | spatial


DIALECT = Dialect(
    name="timm_attn",
    source="timm, layers/squeeze_excite.py, eca.py and cbam.py",
    classes={"SEModule": _se, "EcaModule": _eca("zeros"), "CecaModule": _eca("circular"), "CbamModule": _cbam},
    tables={SqueezeExcitation: _se_names, EfficientChannelAttention: _eca_names, CBAM: _cbam_names},
    ignored=("num_batches_tracked",),
)
