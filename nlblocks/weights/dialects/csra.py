"""Class-specific residual attention by its authors: CSRA, one head, and MHA, several at fixed temperatures."""

from __future__ import annotations

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.class_specific_residual_attention import ClassSpecificResidualAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

MAXIMUM = 99
"""The temperature that stands for the maximum there."""
TEMPERATURES: dict[int, tuple[float, ...]] = {
    1: (1,),
    2: (1,),
    4: (1, 2, 4),
    6: (1, 2, 3, 4, 5),
    8: (1, 2, 3, 4, 5, 6, 7),
}
"""Of MHA by its heads, of which the last takes the maximum where there is more than one."""


def _csra(input_dim: int, num_classes: int, T: float, lam: float) -> BlockSpec:
    largest = T == MAXIMUM
    return ClassSpecificResidualAttention(
        in_channels=input_dim, num_classes=num_classes, temperatures=() if largest else (T,), maximum=largest,
        weight=lam, single=True,
    )  # fmt: skip


def _mha(num_heads: int, lam: float, input_dim: int, num_classes: int) -> BlockSpec:
    if num_heads not in TEMPERATURES:
        raise InputError(f"dialect csra: MHA: num_heads={num_heads!r} {one_of(num_heads, tuple(TEMPERATURES))}")
    return ClassSpecificResidualAttention(
        in_channels=input_dim, num_classes=num_classes, temperatures=TEMPERATURES[num_heads], maximum=num_heads > 1,
        weight=lam,
    )  # fmt: skip


def _names(spec: ClassSpecificResidualAttention) -> Table:
    refuse_unless("csra", spec, normalise=(True,))
    if spec.single:
        return {"head": "head"}
    refuse_unless("csra", spec, heads=tuple(TEMPERATURES))
    refuse_unless("csra", spec, temperatures=(TEMPERATURES[spec.heads],))
    return {f"heads.{index}": f"multi_head.{index}.head" for index in range(spec.heads)}


DIALECT = Dialect(
    name="csra",
    source="the authors' CSRA, pipeline/csra.py",
    classes={"CSRA": _csra, "MHA": _mha},
    tables={ClassSpecificResidualAttention: _names},
)
