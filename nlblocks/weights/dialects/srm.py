"""style-based-recalibration-module, the authors' SRMLayer."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.style_recalibration import StyleRecalibration
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _layer(channel: int) -> BlockSpec:
    return StyleRecalibration(in_channels=channel)


def _names(spec: StyleRecalibration) -> Table:
    refuse_unless("srm", spec, eps=(1e-5,))
    return {"cfc.weight": ("cfc", (-1, 2)), "norm": "bn"}


DIALECT = Dialect(
    name="srm",
    source="style-based-recalibration-module, models/recalibration_modules.py",
    classes={"SRMLayer": _layer},
    tables={StyleRecalibration: _names},
    ignored=("num_batches_tracked",),
)
