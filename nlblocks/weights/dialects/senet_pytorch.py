"""senet.pytorch: SELayer, as it is copied widely (fightingcv among others)."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.squeeze_excitation import SqueezeExcitation
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _layer(channel: int, reduction: int = 16) -> BlockSpec:
    return SqueezeExcitation(in_channels=channel, ratio=reduction)


def _names(spec: SqueezeExcitation) -> Table:
    refuse_unless("senet_pytorch", spec, pool=("avg",), bias=(False,), gate=("sigmoid",))
    return {"fc_1": "fc.0", "fc_2": "fc.2"}


DIALECT = Dialect(
    name="senet_pytorch",
    source="senet.pytorch",
    classes={"SELayer": _layer},
    tables={SqueezeExcitation: _names},
)
