"""Runs that are held to what other runs decide at thresholds and ties: the right's, or the same model's in float64.

Where two sides differ because a number stands so close to a threshold that rounding puts it on either side, they meet
when both fall on the same one: that proves all the rest of the tensor, which no allowance for jumps can. Two sides that
agree in float64 can differ in float32 by a decision that only one of them uses: a factor that is 1 in float64, by what
stands at a tie, and is dropped on the other side. They meet where each decides as its own float64 does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.numerics.tolerance import ALIKE
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.rules import other_rules
from nlblocks.parity.judging.side import Side
from nlblocks.parity.matching import ByDigest
from nlblocks.parity.tracing import Op, Trace

SHOWN = 3
"""Operations that are named."""


@dataclass(frozen=True, slots=True)
class DecidedAlike:
    """The pass in which both decide alike, ``where`` they would not have, and whose decisions these are, in words."""

    runs: Pass
    where: str
    held: str = "the right decides as the left does"

    @property
    def words(self) -> str:
        return f"at {self.where}; where {self.held}, they agree"


@dataclass(frozen=True, slots=True)
class DecidedExactly:
    """Both sides, each held to what it decides in float64 itself, and their pass."""

    left: Side
    right: Side
    alike: DecidedAlike


def decided_alike(left: Side, right: Side, runs: Pass, decided: Any, known: Pass | None = None) -> DecidedAlike | None:
    """The pass, None where the right decides like the left, as ``decided``, already, or cannot be held to it.

    ``known`` is the same pass in float64 with its digests, if there is one already.
    """
    if not (left.repeatable and right.repeatable):
        return None
    how: dict[str, Any] = {"training": runs.training, "dtype": runs.dtype}
    plain: dict[str, Any] = {"training": runs.training, "keep": "digests", "backward": False}
    digests = (known.left, known.right) if known else (left.run(**plain), right.run(**plain, given=runs.given))
    kept = decided.of_inputs()
    partners = _partners(*digests, kept)
    decisions = type(decided)({other.site: kept[op.site] for op, other in partners})
    again = right.run(**how, keep="results", given=runs.given, decisions=decisions)
    if again.error or not decisions.moved or not decisions.near(runs.dtype, decided.largest):
        return None
    found = [(str(op), decisions.moved[other.site][0]) for op, other in partners if other.site in decisions.moved]
    return DecidedAlike(replace(runs, right=again), _listed(found))


def decided_exactly(left: Side, right: Side, runs: Pass) -> DecidedExactly | None:
    """Both sides of a pass in float32 as they decide in float64.

    None where they do so already, where a side is further off its float64 than rounding, as it loses precision then,
    and where the two go by other rules. What is large on one side alone is no measure of rounding.
    """
    if not (left.repeatable and right.repeatable):
        return None
    exact, own = (
        tuple(side.decided(training=runs.training, dtype=dtype, operands=True) for side in (left, right))
        for dtype in ("float64", runs.dtype)
    )
    if other_rules(own, exact):
        return None
    largest = min(decisions.largest for decisions in exact)
    again: list[Trace] = []
    found: dict[str, int] = {}
    for side, decisions in zip((left, right), exact, strict=True):
        held = decisions.exact()
        trace = side.run(training=runs.training, dtype=runs.dtype, keep="results", decisions=held)
        if trace.error or not held.near(runs.dtype, largest):
            return None
        again.append(trace)
        for op in trace.ops:
            if op.site in held.moved:
                found[str(op)] = max(found.get(str(op), 0), held.moved[op.site][0])
    if not found:
        return None
    alike = DecidedAlike(
        replace(runs, left=again[0], right=again[1]), _listed(list(found.items())), "each decides as in float64"
    )
    sides = [side.deciding(decisions.exact()) for side, decisions in zip((left, right), exact, strict=True)]
    return DecidedExactly(sides[0], sides[1], alike)


def _listed(found: list[tuple[str, int]]) -> str:
    """The first operations, with how many elements they decided otherwise."""
    words = [f"{op} ({count} element{'s' * (count != 1)})" for op, count in found[:SHOWN]]
    return ", ".join([*words, *([f"{len(found) - SHOWN} more"] if len(found) > SHOWN else [])])


def _partners(left: Trace, right: Trace, kept: Mapping[str, Any]) -> list[tuple[Op, Op]]:
    """The operations of both sides that decide on the same tensors, or in the same place of as many of one kind.

    What is zero but for rounding has no partner by its values: that is where rounding decides.
    """
    by_digest = ByDigest(left, right, ALIKE)
    mine = [op for op in left.ops if op.site in kept and op.inputs]
    kinds = {op.kind for op in mine}
    free = [op for op in right.ops if op.kind in kinds and op.inputs]
    alike = {kind for kind in kinds if _count(mine, kind) == _count(free, kind)}
    in_order = {op.index: o for kind in alike for op, o in zip(_of(mine, kind), _of(free, kind), strict=True)}
    found = []
    for op in mine:
        partners = by_digest.to_right[op.inputs[0]]
        other = next((o for o in free if o.kind == op.kind and o.inputs[0] in partners), in_order.get(op.index))
        if other is not None and other in free and left.shape(op.inputs[0]) == right.shape(other.inputs[0]):
            free.remove(other)
            found.append((op, other))
    return found


def _of(ops: list[Op], kind: str) -> list[Op]:
    return [op for op in ops if op.kind == kind]


def _count(ops: list[Op], kind: str) -> int:
    return len(_of(ops, kind))
