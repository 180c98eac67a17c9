"""CBAM of its authors (Jongchan): CBAM, with ChannelGate and SpatialGate inside."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.cbam import CBAM
from nlblocks.specs.channel_gate import ChannelGate
from nlblocks.specs.spatial_gate import SpatialGate
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _channel(gate_channels: int, reduction_ratio: int = 16, pool_types: Sequence[str] = ("avg", "max")) -> BlockSpec:
    _check_pools(pool_types)
    return ChannelGate(in_channels=gate_channels, ratio=reduction_ratio)


def _spatial() -> BlockSpec:
    return SpatialGate()


def _cbam(
    gate_channels: int,
    reduction_ratio: int = 16,
    pool_types: Sequence[str] = ("avg", "max"),
    no_spatial: bool = False,
) -> BlockSpec:
    if no_spatial:
        raise InputError("dialect jongchan_cbam: no_spatial=True leaves a ChannelGate; take that class")
    _check_pools(pool_types)
    return CBAM(in_channels=gate_channels, ratio=reduction_ratio)


def _check_pools(pool_types: Sequence[str]) -> None:
    if sorted(pool_types) != ["avg", "max"]:
        raise InputError(f"dialect jongchan_cbam: pool_types={pool_types!r} is not covered; it covers 'avg' with 'max'")


def _channel_names(spec: ChannelGate) -> Table:
    refuse_unless("jongchan_cbam", spec, mode=("fc",), mlp_bias=(True,))
    return {"fc_1": "mlp.1", "fc_2": "mlp.3"}


def _spatial_names(spec: SpatialGate) -> Table:
    refuse_unless("jongchan_cbam", spec, kernel_size=(7,), order=(("max", "mean"),), bias=(False,))
    if spec.norm is None:
        raise InputError("dialect jongchan_cbam: SpatialGate has norm=None; this codebase has a BatchNorm only")
    return {"conv": "spatial.conv", "norm": "spatial.bn"}


def _cbam_names(spec: CBAM) -> Table:
    parts = (
        ("channel", "ChannelGate", _channel_names(spec.channel)),
        ("spatial", "SpatialGate", _spatial_names(spec.spatial)),
    )
    return {f"{ours}.{name}": f"{theirs}.{row}" for ours, theirs, table in parts for name, row in table.items()}


DIALECT = Dialect(
    name="jongchan_cbam",
    source="attention-module",
    classes={"CBAM": _cbam, "ChannelGate": _channel, "SpatialGate": _spatial},
    tables={CBAM: _cbam_names, ChannelGate: _channel_names, SpatialGate: _spatial_names},
    ignored=("num_batches_tracked",),
)
