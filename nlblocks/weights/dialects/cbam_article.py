"""The article on SE, ECA and CBAM, written in torch: its six classes."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.cbam import CBAM
from nlblocks.specs.channel_gate import ChannelGate
from nlblocks.specs.efficient_channel_attention import EfficientChannelAttention
from nlblocks.specs.spatial_gate import SpatialGate
from nlblocks.specs.squeeze_excitation import Pool, SqueezeExcitation
from nlblocks.weights.dialects.base import Dialect, Foreign, Table

KERNELS = (3, 5, 7)


def _se(mode: Pool, channels: int, ratio: int) -> BlockSpec:
    return SqueezeExcitation(in_channels=channels, ratio=ratio, pool=mode)


def _eca(channels: int, gamma: float = 2, b: float = 1) -> BlockSpec:
    return EfficientChannelAttention(in_channels=channels, gamma=gamma, b=b)


def _channel_fc(channels: int, ratio: int) -> BlockSpec:
    return ChannelGate(in_channels=channels, ratio=ratio, mlp_bias=False)


def _channel_conv(channels: int, gamma: float = 2, b: float = 1) -> BlockSpec:
    return ChannelGate(in_channels=channels, mode="conv", gamma=gamma, b=b)


def _spatial(k: int) -> BlockSpec:
    _check_kernel("k", k)
    return SpatialGate(kernel_size=k, norm=None)


def _cbam(
    channel_attention_mode: str,
    spatial_attention_kernel_size: int,
    channels: int | None = None,
    ratio: int | None = None,
    gamma: float | None = None,
    b: float | None = None,
) -> BlockSpec:
    needs: dict[str, dict[str, Any]] = {
        "FC": {"mode": "fc", "channels": channels, "ratio": ratio, "mlp_bias": False},
        "Conv": {"mode": "conv", "channels": channels, "gamma": gamma, "b": b},
    }
    if channel_attention_mode not in needs:
        raise InputError(
            f"dialect cbam_article: channel_attention_mode={channel_attention_mode!r} must be 'FC' or 'Conv'"
        )
    _check_kernel("spatial_attention_kernel_size", spatial_attention_kernel_size)
    options = needs[channel_attention_mode]
    missing = [name for name, value in options.items() if value is None]
    if missing:
        raise InputError(
            f"dialect cbam_article: channel_attention_mode={channel_attention_mode!r} needs {', '.join(missing)}"
        )
    options["in_channels"] = options.pop("channels")
    return CBAM(
        spatial_kernel_size=spatial_attention_kernel_size,
        norm=None,
        **options,
    )


def _check_kernel(name: str, value: Any) -> None:
    if value not in KERNELS:
        raise InputError(f"dialect cbam_article: {name}={value!r} must be one of {KERNELS}")


def _refuse_unless(spec: BlockSpec, **fields: Any) -> None:
    """Raise InputError where the spec has an option that the article's code lacks."""
    for name, value in fields.items():
        if getattr(spec, name) != value:
            raise InputError(
                f"dialect cbam_article: {type(spec).__name__} has {name}={getattr(spec, name)!r}; "
                f"the article's code has {value!r} only"
            )


def _squeeze_excitation(spec: SqueezeExcitation) -> Table:
    _refuse_unless(spec, bias=False, gate="sigmoid")
    return {"fc_1": "fc_layers.0", "fc_2": "fc_layers.2"}


def _efficient(spec: EfficientChannelAttention) -> Table:
    _refuse_unless(spec, padding_mode="zeros")
    return {"conv": "conv"}


def _channel_gate(spec: ChannelGate) -> Table:
    if spec.mode == "fc":
        _refuse_unless(spec, mlp_bias=False)
    return {"fc_1": "fc_layers.0", "fc_2": "fc_layers.2", "conv": "conv"}


def _spatial_gate(spec: SpatialGate) -> Table:
    _check_kernel("kernel_size", spec.kernel_size)
    _refuse_unless(spec, order=("max", "mean"), norm=None, bias=False)
    return {"conv": "conv"}


def _both(spec: CBAM) -> Table:
    table: dict[str, Foreign] = {}
    for own, rows in (("channel", _channel_gate(spec.channel)), ("spatial", _spatial_gate(spec.spatial))):
        table |= {f"{own}.{name}": f"{own}_attention_block.{row}" for name, row in rows.items()}
    return table


DIALECT = Dialect(
    name="cbam_article",
    source="the article on SE, ECA and CBAM in torch",
    classes={
        "SEBlock": _se,
        "ECABlock": _eca,
        "Channel_Attention_Module_FC": _channel_fc,
        "Channel_Attention_Module_Conv": _channel_conv,
        "Spatial_Attention_Module": _spatial,
        "CBAMBlock": _cbam,
    },
    tables={
        SqueezeExcitation: _squeeze_excitation,
        EfficientChannelAttention: _efficient,
        ChannelGate: _channel_gate,
        SpatialGate: _spatial_gate,
        CBAM: _both,
    },
)
