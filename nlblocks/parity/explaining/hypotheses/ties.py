"""Both sides pick by the order of the same values, and equal ones stand in other places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op


@hypothesis("selection.ties")
def ties(at: Hypothesis) -> Iterator[Explanation]:
    """The places that are picked differ, and the values there do not: which of equal ones comes is nobody's promise."""
    for op in at.front("left"):
        for other in at.front("right"):
            if not op.inputs or other.inputs[:1] != tuple(at.alignment.to_right.get(op.inputs[0], ())[:1]):
                continue
            for mine, picked in _picks(at, "left", op):
                for theirs, values in _picks(at, "right", other):
                    gap = distance(picked, values) if picked.shape == values.shape else np.inf
                    if gap <= at.meets:
                        yield _tied(at, op, other, (mine, theirs), gap)


def _tied(at: Hypothesis, op: Op, other: Op, places: tuple[int, int], gap: float) -> Explanation:
    mine, theirs = (at.graph(side).trace.values[number] for side, number in zip(("left", "right"), places, strict=True))
    text = (
        f"the picked values tie: {op.kind} on the left and {other.kind} on the right pick other places in "
        f"{int((mine != theirs).sum())} of {mine.size}, and equal values there; "
        "which of equal ones comes is not promised"
    )
    return Explanation(
        cause="selection.ties", text=text, left=op, right=other, before=None, after=gap,
        between=not (op.leaf or other.leaf), joints=(places,),
    )  # fmt: skip


def _picks(at: Hypothesis, side: str, op: Op) -> Iterator[tuple[int, Array]]:
    """(tensor, values there) of each wrong tensor of places that an operation makes, or that is a part of one."""
    values = at.graph(side).trace.values
    x = values.get(op.inputs[0])
    for number in sorted(at.wrong[side]):
        places = values.get(number)
        if x is None or places is None or places.dtype.kind not in "iu" or op not in at.chain(side, number):
            continue
        for axis in range(x.ndim):
            whole = (
                places if places.ndim == x.ndim else np.expand_dims(places, axis) if places.ndim == x.ndim - 1 else None
            )
            if whole is None or not places.size or whole.min() < 0 or whole.max() >= x.shape[axis]:
                continue
            if all(a == b for i, (a, b) in enumerate(zip(whole.shape, x.shape, strict=True)) if i != axis):
                yield number, np.take_along_axis(x, whole, axis)
