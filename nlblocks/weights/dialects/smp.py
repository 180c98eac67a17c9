"""segmentation_models.pytorch: SCSEModule, whose Linear layers are 1×1 convolutions."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.scse import SCSE
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def scse(dialect: str, channels: int, ratio: int, join: str) -> BlockSpec:
    """The spec of a codebase that does not keep the inner width at least 1."""
    if not 0 < ratio <= channels:
        raise InputError(f"dialect {dialect}: a reduction of {ratio!r} leaves no inner width of {channels!r} channels")
    return SCSE(in_channels=channels, inter_channels=channels // ratio, join=join)  # type: ignore[arg-type]


def _module(in_channels: int, reduction: int = 16) -> BlockSpec:
    return scse("smp", in_channels, reduction, "sum")


def _names(spec: SCSE) -> Table:
    refuse_unless("smp", spec, join=("sum",))
    c, d = spec.in_channels, spec.inner
    return {
        "fc_1.weight": ("cSE.1.weight", (d, c, 1, 1)),
        "fc_1.bias": "cSE.1.bias",
        "fc_2.weight": ("cSE.3.weight", (c, d, 1, 1)),
        "fc_2.bias": "cSE.3.bias",
        "conv": "sSE.0",
    }


DIALECT = Dialect(
    name="smp",
    source="segmentation_models.pytorch, base/modules.py",
    classes={"SCSEModule": _module},
    tables={SCSE: _names},
)
