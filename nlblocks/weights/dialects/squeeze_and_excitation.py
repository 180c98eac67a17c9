"""squeeze_and_excitation, the code of scSE's authors: ChannelSpatialSELayer."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.scse import SCSE
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless
from nlblocks.weights.dialects.smp import scse


def _layer(num_channels: int, reduction_ratio: int = 2) -> BlockSpec:
    return scse("squeeze_and_excitation", num_channels, reduction_ratio, "max")


def _names(spec: SCSE) -> Table:
    refuse_unless("squeeze_and_excitation", spec, join=("max",))
    return {"fc_1": "cSE.fc1", "fc_2": "cSE.fc2", "conv": "sSE.conv"}


DIALECT = Dialect(
    name="squeeze_and_excitation",
    source="squeeze_and_excitation",
    classes={"ChannelSpatialSELayer": _layer},
    tables={SCSE: _names},
)
