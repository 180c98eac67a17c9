"""CoordAttention: the authors' CoordAtt, which External-Attention-pytorch has as well."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.coordinate_attention import CoordinateAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

NAMES: Table = {"reduce": "conv1", "norm": "bn1", "rows": "conv_h", "columns": "conv_w"}


def coordinates(inp: int, oup: int, reduction: int = 32) -> BlockSpec:
    if oup != inp:
        raise InputError(f"CoordAtt has oup={oup!r}, which must be inp={inp!r}: its gates multiply its input")
    return CoordinateAttention(in_channels=inp, ratio=reduction)


def coordinates_names(dialect: str, spec: CoordinateAttention) -> Table:
    refuse_unless(
        dialect, spec, bias=(True,), norm=(BatchNorm(),), activation=("hard_swish",), gate=("sigmoid",),
        skip=(False,),
    )  # fmt: skip
    return NAMES


DIALECT = Dialect(
    name="coordatt",
    source="CoordAttention, coordatt.py",
    classes={"CoordAtt": coordinates},
    tables={CoordinateAttention: lambda spec: coordinates_names("coordatt", spec)},
    ignored=("num_batches_tracked",),
)
