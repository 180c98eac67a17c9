"""Scores that are hidden: others of them, the other way round, or with another number for minus infinity."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

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
COMBINING = {
    "and", "or", "xor", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "add", "mul",
    "masked_fill", "where",
}  # fmt: skip
"""Kinds that make one mask of several, which is no part then."""
PARTS = 8
"""Tensors that masks are read as made of, at most: two of them are one mask."""
NEGLIGIBLE = -50.0
"""What is added to a score to hide it is at most this: exp(-50) is less than rounding in any sum."""


@hypothesis("attention.causal", "attention.mask_combined", "attention.mask_missing", "attention.mask_sense")
def masks(at: Hypothesis) -> Iterator[Explanation]:
    """The same scores, others of them hidden."""
    for op, other in itertools.product(_masking(at, "left"), _masking(at, "right")):
        mine, theirs = unmasked(at.output("left", op)), unmasked(at.output("right", other))
        if mine.shape != theirs.shape:
            continue
        hidden = np.isneginf(mine), np.isneginf(theirs)
        both = hidden[0] | hidden[1]
        gap = distance(np.where(both, 0.0, mine), np.where(both, 0.0, theirs))
        if (hidden[0] == hidden[1]).all() or gap > at.meets or (both.all() and not _of_the_same(at, op, other)):
            continue
        shares = [float(mask.mean()) for mask in hidden]
        cause, *how = combination(hidden, _parts(at, mine.shape))
        hides = [f"{share:.0%} of the scores{words}" for share, words in zip(shares, how, strict=True)]
        text = f"{op} on the left hides {hides[0]}, {other} on the right {hides[1]}"
        told = "the scores are the same" if both.all() else "where both keep them"
        yield Explanation(
            cause=cause, text=f"{text}: {told}", left=op, right=other, before=None, after=gap,
            between=not (op.leaf or other.leaf), joints=((op.outputs[0], other.outputs[0]),),
        )  # fmt: skip


def _masking(at: Hypothesis, side: str) -> list[Op]:
    """The operations that hide scores which are right: at the frontier, or behind a mask that differs."""
    values, wrong = at.graph(side).trace.values, at.wrong[side]
    near = [*at.front(side), *(op for op in at.wrong_ops(side) if op not in at.front(side))]
    found = [op for op in near if op.kind in MASKING and op.outputs[0] in values and not wrong.issuperset(op.inputs)]
    found = [op for op in found if np.isrealobj(at.output(side, op))]
    return [op for op in found if at.output(side, op).ndim > 1 and np.isneginf(unmasked(at.output(side, op))).any()]


def _of_the_same(at: Hypothesis, op: Op, other: Op) -> bool:
    """Whether two operations hide of the same scores."""
    return any(n in other.inputs for number in op.inputs for n in at.alignment.to_right.get(number, ()))


def _parts(at: Hypothesis, shape: tuple[int, ...]) -> list[tuple[str, Array]]:
    """What the masks of scores [..., L, S] may be made of, spread over them: (name, where it is true)."""
    found = [("the triangle", np.broadcast_to(~np.tril(np.ones(shape[-2:], bool)), shape))]
    for side in OTHER:
        trace = at.graph(side).trace
        for number, value in trace.values.items():
            if len(found) == PARTS or number in at.wrong[side] or value.dtype.kind not in "bf" or value.ndim < 2:
                continue
            if value.dtype != bool and (value.size > np.prod(shape) or len(np.unique(value)) != 2):
                continue
            maker = at.graph(side).producer.get(number)
            if maker is not None and maker.kind in COMBINING:
                continue
            true = value if value.dtype == bool else value == value.min()
            for spread in _spread(true, shape):
                if spread.any() and not spread.all() and not any(_alike(spread, known) for _, known in found):
                    found.append((trace.origin.get(number) or str(at.graph(side).producer.get(number)), spread))
    return found


def _spread(mask: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """A mask over scores: its own axes from the right, or, of [B, S], those of batch and keys."""
    shapes = [mask.shape] + ([(mask.shape[0], *[1] * (len(shape) - 2), mask.shape[1])] if mask.ndim == 2 else [])
    for own in shapes:
        with suppress(ValueError):
            yield np.broadcast_to(mask.reshape(own), shape)


def _alike(one: Array, other: Array) -> bool:
    """Whether two masks are one, or each other's opposite."""
    return bool((one == other).all() or (one != other).all())


def combination(hidden: tuple[Array, Array], parts: Sequence[tuple[str, Array]]) -> tuple[str, str, str]:
    """What it is called that two sides hide other scores, by the parts of their masks; each side's in words."""
    read = [list(_readings(one, parts)) for one in hidden]
    for mine, theirs in sorted(itertools.product(*read), key=lambda pair: sum(len(one.parts) for one in pair)):
        common = mine.parts.keys() & theirs.parts.keys()
        words = _words(mine, parts), _words(theirs, parts)
        if any(mine.parts[part] != theirs.parts[part] for part in common):
            return "attention.mask_sense", *words
        if not common:
            continue
        over = mine.parts.keys() ^ theirs.parts.keys()
        if over:
            return ("attention.causal" if over == {0} else "attention.mask_missing"), *words
        return "attention.mask_combined", *words
    if (hidden[0] != hidden[1]).all():
        return "attention.mask_sense", "", ""
    rows, columns = np.nonzero((hidden[0] ^ hidden[1]).reshape(-1, *hidden[0].shape[-2:])[0])
    return ("attention.causal" if len(set(columns - rows)) < len(rows) else "attention.mask_missing"), "", ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A mask as one part, or two of them: by position, whether it hides where that is true. ``any`` of them hides."""

    parts: Mapping[int, bool]
    any: bool


def _readings(hidden: Array, parts: Sequence[tuple[str, Array]]) -> Iterator[_Reading]:
    """How a mask may be put together."""
    signed = [(i, sign, part if sign else ~part) for i, (_, part) in enumerate(parts) for sign in (True, False)]
    for i, sign, part in signed:
        if (part == hidden).all():
            yield _Reading({i: sign}, True)
    for (i, sign, part), (j, other_sign, other) in itertools.combinations(signed, 2):
        if i != j:
            for is_any, both in ((True, part | other), (False, part & other)):
                if (both == hidden).all():
                    yield _Reading({i: sign, j: other_sign}, is_any)


def _words(reading: _Reading, parts: Sequence[tuple[str, Array]]) -> str:
    names = [f"{'' if sign else 'not '}{parts[i][0]}" for i, sign in reading.parts.items()]
    return f" (where {(' or ' if reading.any else ' and ').join(names)})"


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
                words = ("hides", "keeps") if side == "left" else ("keeps", "hides")
                text = f"the mask of {op} {words[0]} on the left what it {words[1]} on the right: inverted"
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
