"""CoordAttention: the authors' CoordAtt."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.coordinate_attention import CoordinateAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

NAMES: Table = {"reduce": "conv1", "norm": "bn1", "rows": "conv_h", "columns": "conv_w"}


def _block(inp: int, oup: int, reduction: int = 32) -> BlockSpec:
    if oup != inp:
        raise InputError(
            f"dialect coordatt: CoordAtt has oup={oup!r}, which must be inp={inp!r}: its gates multiply its input"
        )
    return CoordinateAttention(in_channels=inp, ratio=reduction)


def _names(spec: CoordinateAttention) -> Table:
    refuse_unless(
        "coordatt", spec, bias=(True,), norm=(BatchNorm(),), activation=("hard_swish",), gate=("sigmoid",),
        skip=(False,),
    )  # fmt: skip
    return NAMES


DIALECT = Dialect(
    name="coordatt",
    source="CoordAttention, coordatt.py",
    classes={"CoordAtt": _block},
    tables={CoordinateAttention: _names},
    ignored=("num_batches_tracked",),
)
