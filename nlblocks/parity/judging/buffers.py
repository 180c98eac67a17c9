"""Running statistics, and what else is kept in buffers, after one pass."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import RATIO
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import Pass

TWICE = 2.0
"""What two momenta do that float32 alone holds apart is known: a statistic may be off by so many times that."""


@dataclass(slots=True)
class Buffers:
    """Every buffer compared, by how much those that differ are ``apart``, and why they are."""

    comparisons: list[Comparison] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    apart: dict[str, Array] = field(default_factory=dict)


def compare_buffers(
    comparer: Comparer, why: Explainer, before: State, runs: Pass, *, touched: Collection[str], known: tuple[str, ...]
) -> Buffers:
    """Compare what a pass leaves in the buffers of both sides, the left's state being what it is ``before``.

    What is ``touched`` by faults that are known differs by the causes that are ``known``.
    """
    left, right, pairs, judged = runs.left, runs.right, why.pairs, Buffers()
    names = {name for name, tensor in left.state.items() if tensor.buffer}
    theirs = pairs.mirrored(right.buffers_after, left.buffers_after)
    owner = {a.refs[role].name: (a.name, b.name) for a, b in pairs.pairs for role in a.refs}
    whole = cache(partial(comparer.left.run, training=runs.training, dtype=runs.dtype, keep="values"))
    said: set[tuple[str, str | None]] = set()
    for name in sorted(names & set(theirs)):
        start, _ = theirs.beside(name, before[name])
        mine, other = theirs.beside(name, left.buffers_after[name])
        start = start.astype(mine.dtype)  # float32 as the model holds it: a guess made in float32 would be off by that
        way = float(np.abs(mine - start).max(initial=0.0))
        held = way * why.momenta_apart(name, left, right) * TWICE / RATIO if np.isfinite(way) else 0.0
        explained = partial(why.buffer, name, owner[name], (start, mine, other), left, right, whole)
        beyond = comparer.no_rounding("buffers", ("buffers", name), mine, other, runs, extra=held)
        reasons = explained() if beyond is not None and name not in touched else []
        if beyond is not None and reasons and all(reason.cause for reason in reasons):
            found = beyond  # it has its cause: nothing is to be excused
        else:
            found = comparer.compare(
                "buffers", ("buffers", name), mine, other, runs, extra=held, where=theirs.known.get(name)
            )
        if not (found.passed or found.undecided):
            judged.apart[name] = other - mine
            causes = known if name in touched else ()
            if not causes:
                reasons = reasons or explained()
                judged.findings += [f for f in reasons if (f.layer_left, f.cause) not in said or f.cause is None]
                said |= {(f.layer_left, f.cause) for f in reasons}
                causes = tuple(f.cause for f in reasons if f.cause is not None)
            found = replace(found, explained=causes)
        judged.comparisons.append(found)
    return judged
