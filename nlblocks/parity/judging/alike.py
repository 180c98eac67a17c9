"""The right run once more, held to what the left decides at thresholds and ties.

Where two sides differ because a number stands so close to a threshold that rounding puts it on either side, they meet
when both fall on the same one: that proves all the rest of the tensor, which no allowance for jumps can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.numerics.tolerance import ALIKE
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.matching import ByDigest
from nlblocks.parity.tracing import Op, Trace

SHOWN = 3
"""Operations that are named."""


@dataclass(frozen=True, slots=True)
class DecidedAlike:
    """The pass in which the right decides as the left does, and ``where`` it would not have."""

    runs: Pass
    where: str


def decided_alike(left: Side, right: Side, runs: Pass) -> DecidedAlike | None:
    """The pass, None where the right decides like the left already, or cannot be held to it."""
    if not (left.repeatable and right.repeatable):
        return None
    how: dict[str, Any] = {"training": runs.training, "dtype": runs.dtype}
    digests = (
        left.run(training=runs.training, keep="digests"),
        right.run(training=runs.training, keep="digests", given=runs.given),
    )
    decided = left.decided(**how)
    kept = decided.of_inputs()
    partners = _partners(*digests, kept)
    decisions = type(decided)({other.site: kept[op.site] for op, other in partners})
    again = right.run(**how, keep="results", given=runs.given, decisions=decisions)
    if again.error or not decisions.moved or not decisions.near(runs.dtype, decided.largest):
        return None
    found = [(op, decisions.moved[other.site][0]) for op, other in partners if other.site in decisions.moved]
    words = [f"{op} ({count} element{'s' * (count != 1)})" for op, count in found[:SHOWN]]
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return DecidedAlike(replace(runs, right=again), ", ".join([*words, *more]))


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
