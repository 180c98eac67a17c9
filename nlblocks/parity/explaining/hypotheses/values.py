"""The same values in other places, others of them, or all of them times or plus a constant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.fit import NO_FACTOR, factor_between
from nlblocks.parity.explaining.hypotheses.context import in_context
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op, vocabulary

ARRANGING = vocabulary.LAYOUT | {"cat", "stack", "flip", "roll"}
"""Kinds that pick elements and put them together."""
NO_SHIFT = 1e-6
"""A constant that is added counts from this share of the largest value on."""


@hypothesis("attention.heads", "output.flipped", "reshape.order")
def moved(at: Hypothesis) -> Iterator[Explanation]:
    """The same values in other places."""
    for side, op in at.fronts():
        value = _whole(at, side, op)
        for other in at.front(OTHER[side]):
            theirs = _whole(at, OTHER[side], other)
            gap = distance(np.sort(value.ravel()), np.sort(theirs.ravel())) if value.size == theirs.size else np.inf
            if gap > at.meets:
                continue
            for axis in range(value.ndim) if value.shape == theirs.shape else ():
                reversed_gap = distance(np.flip(value, axis), theirs)
                if reversed_gap <= at.meets:
                    text = f"axis {axis} of {op} reversed"
                    yield at.held("output.flipped", text, side, op, (other, reversed_gap))
            heads = value.ndim == theirs.ndim == 4 and value.shape != theirs.shape
            cause = "attention.heads" if heads else "reshape.order"
            text = f"{op} gives the same values in another order than {other}: sorted"
            yield at.held(cause, text, side, op, (other, gap), between=True)


def _whole(at: Hypothesis, side: str, op: Op) -> Array:
    """All that an operation gives: the parts of a split in one."""
    values = at.graph(side).trace.values
    found = [values[n] for n in op.outputs if n in values]
    return found[0] if len(found) == 1 else np.concatenate([v.ravel() for v in found])


@hypothesis("reshape.order", "residual.operand", "rnn.step")
def selected(at: Hypothesis) -> Iterator[Explanation]:
    """Other elements picked, or put together, before the operations go on alike."""
    for op in at.wrong_ops("left"):
        for role, number in zip(op.roles, op.inputs, strict=True):
            chain = at.chain("left", number)
            if op.kind in ARRANGING or not chain or any(o.kind not in ARRANGING for o in chain):
                continue
            arrays = at.arrays("left", op)
            if arrays is None:
                continue
            for other in sorted(at.wrong["right"]):
                value = at.graph("right").trace.values.get(other)
                if value is None or value.size != arrays[role].size:
                    continue
                theirs = at.chain("right", other)
                met = at.found("right", at.run(op, {**arrays, role: value.reshape(arrays[role].shape)}))
                if met and all(o.kind in ARRANGING for o in theirs):
                    cause = in_context(at.graph("left"), chain[0], "reshape.order")
                    yield Explanation(
                        cause=cause, text=f"{op} with what {', '.join(map(str, theirs))} on the right picks",
                        left=chain[0], right=theirs[0], before=None, after=met[1], between=True,
                    )  # fmt: skip


@hypothesis("attention.scale", "scale.factor", "shift.constant")
def factor(at: Hypothesis) -> Iterator[Explanation]:
    """All values times a constant, or plus one."""
    for op, other in itertools.product(at.wrong_ops("left"), at.wrong_ops("right")):
        mine, theirs = at.output("left", op), at.output("right", other)
        if mine.shape != theirs.shape or mine.size < 2 or not all(_ordinary(value) for value in (mine, theirs)):
            continue
        times = factor_between(mine, theirs)
        if abs(times - 1) > NO_FACTOR and (gap := distance(mine * times, theirs)) <= at.meets:
            cause = in_context(at.graph("left"), op, "scale.factor")
            text = f"{op} on the left times {times:.6g} is {other} on the right: scaled by it"
            yield at.held(cause, text, "left", op, (other, gap), between=True)
        shift = (theirs - mine).mean()
        if abs(shift) > NO_SHIFT * np.abs(mine).max() and (gap := distance(mine + shift, theirs)) <= at.meets:
            text = f"{op} on the left plus {shift:.6g} is {other} on the right: with it"
            yield at.held("shift.constant", text, "left", op, (other, gap), between=True)


def _ordinary(value: Array) -> bool:
    """Whether values are numbers, finite, and not all zero."""
    return value.dtype.kind != "b" and bool(np.isfinite(value).all() and value.any())
