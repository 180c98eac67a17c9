"""Scores that are hidden: others of them, the other way round, or with another number for minus infinity."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import unmasked
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis, Met, computed
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op

MASKING = {"add", "mask", "masked_fill", "where", "causal_mask"}
HIDDEN_SCORE = -1e4
"""A score below this is hidden, whatever number stands for minus infinity: -65504 and -1e9 are in use."""
HIDING = -1e3
"""The lower of a mask's two values is at most this: bias tables hold smaller ones, every mask in use a larger one."""
NEGLIGIBLE = -50.0
"""What is added to a score to hide it is at most this: exp(-50) is less than rounding in any sum."""


@hypothesis("attention.causal", "attention.mask_missing", "attention.mask_sense")
def masks(at: Hypothesis) -> Iterator[Explanation]:
    """The same scores, others of them hidden."""
    for op, other in itertools.product(_masking(at, "left"), _masking(at, "right")):
        mine, theirs = unmasked(at.output("left", op)), unmasked(at.output("right", other))
        if mine.shape != theirs.shape:
            continue
        hidden = np.isneginf(mine), np.isneginf(theirs)
        both = hidden[0] | hidden[1]
        gap = distance(np.where(both, 0.0, mine), np.where(both, 0.0, theirs))
        if (hidden[0] == hidden[1]).all() or both.all() or gap > at.meets:
            continue
        shares = [float(mask.mean()) for mask in hidden]
        rows, columns = np.nonzero((hidden[0] ^ hidden[1]).reshape(-1, *mine.shape[-2:])[0])
        cause = "attention.causal" if len(set(columns - rows)) < len(rows) else "attention.mask_missing"
        if not (hidden[0] & hidden[1]).any() and all(shares):
            cause = "attention.mask_sense"
        text = f"{op} on the left hides {shares[0]:.0%} of the scores, {other} on the right {shares[1]:.0%}"
        yield Explanation(cause=cause, text=f"{text}: where both keep them", left=op, right=other, before=None,
                          after=gap, between=True, joints=((op.outputs[0], other.outputs[0]),))  # fmt: skip


def _masking(at: Hypothesis, side: str) -> list[Op]:
    """The operations at the frontier that hide scores."""
    values = at.graph(side).trace.values
    found = [op for op in at.front(side) if op.kind in MASKING and op.outputs[0] in values]
    found = [op for op in found if np.isrealobj(at.output(side, op))]
    return [op for op in found if at.output(side, op).ndim > 1 and np.isneginf(unmasked(at.output(side, op))).any()]


def turned_masks(at: Hypothesis) -> Iterator[Explanation]:
    """A mask that is added, of two values, the other way round: the part of ``attributes`` that is no attribute."""
    for side, op, arrays in at.given():
        if op.kind not in ("add", "mask") or sorted(op.roles) not in (["other", "x"], ["mask", "x"]):
            continue
        for role in op.roles:
            mask = arrays[role]
            if np.iscomplexobj(mask):
                continue
            low = mask.min(initial=0.0) if mask.dtype != bool else 0.0
            if low > HIDING or len(np.unique(mask)) != 2:
                continue
            turned = {**arrays, role: np.where(mask == low, 0.0, low)}
            result = np.add(*[turned[r] for r in op.roles])
            met = at.found(OTHER[side], result) or after_softmax(at, side, result)
            if met:
                text = f"the mask of {op} hides on the {side} what it keeps on the {OTHER[side]}: inverted"
                yield at.held("attention.mask_sense", text, side, op, met)


def after_softmax(at: Hypothesis, side: str, result: Array | None) -> Met | None:
    """What the other side's softmax of these scores met, if any are hidden: by what number does not count then."""
    if (
        result is None
        or result.ndim < 2
        or np.iscomplexobj(result)
        or not (np.isneginf(result).any() or (result < HIDDEN_SCORE).any())
    ):
        return None
    return at.found(OTHER[side], computed("softmax", {"x": result}, {"axis": -1}))


def hides(at: Hypothesis, side: str, number: int) -> bool:
    """Whether a tensor is a mask that is added to scores: nothing, or a large negative number."""
    graph = at.graph(side)
    value = graph.trace.values.get(number)
    if value is None or number in graph.fed or value.dtype.kind != "f" or not value.size:
        return False
    return bool(((value == 0) | (value <= NEGLIGIBLE)).all() and (value <= NEGLIGIBLE).any())
