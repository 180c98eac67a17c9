"""One side keeps a tensor in a narrower dtype than its model's own, and loses precision by it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op

BFLOAT16 = 0xFFFF0000
"""What bfloat16 keeps of the bits of float32."""


@hypothesis("precision.cast")
def narrowed(at: Hypothesis) -> Iterator[Explanation]:
    """A result that is rounded to fewer bits than the other side's, where what it comes from is the same."""
    for side, op in at.fronts():
        dtype = str(op.attrs.get("stored", ""))
        if not dtype or any(other.attrs.get("stored") == dtype for other in at.front(OTHER[side])):
            continue
        words = f"{op} on the {side} keeps its result as {dtype}"
        whole = f"the {OTHER[side]} loses no precision"
        text = f"{words}, where {whole}" if side == "left" else f"{whole}, where {words}"
        yield _said(at, side, op, text, _rounded(at, side, op, dtype))


def _rounded(at: Hypothesis, side: str, op: Op, dtype: str) -> tuple[int, float, float] | None:
    """The other side's tensor that this one is rounded from: its number, how far apart they are, and after rounding."""
    mine, theirs = at.output(side, op), at.graph(OTHER[side]).trace.values
    for number in at.alignment.partners(side).get(op.inputs[0] if op.inputs else -1, ()):
        value = theirs.get(number)
        if value is not None and value.shape == mine.shape:
            after = distance(_as(value, dtype), mine)
            if after <= at.meets:
                return number, distance(value, mine), after
    return None


def _said(at: Hypothesis, side: str, op: Op, text: str, met: tuple[int, float, float] | None) -> Explanation:
    joints = () if met is None else ((op.outputs[0], met[0]),)
    return Explanation(
        cause="precision.cast", text=text, left=op if side == "left" else None, right=op if side == "right" else None,
        before=None if met is None else met[1], after=None if met is None else met[2], between=not op.leaf,
        joints=joints if side == "left" else tuple((b, a) for a, b in joints), extra=side,
    )  # fmt: skip


def _as(value: Array, dtype: str) -> Array:
    """A tensor rounded to a dtype, in float64."""
    if dtype != "bfloat16":
        return value.astype(dtype).astype(np.float64)
    bits = value.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(BFLOAT16)).view(np.float32).astype(np.float64)
