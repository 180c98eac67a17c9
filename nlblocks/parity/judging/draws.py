"""Random numbers in a comparison: both sides are made to draw the same, and where they cannot be, nothing is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.explaining import Located
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.outputs import paired_outputs
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.matching import Draws, dropout_partners
from nlblocks.parity.tracing import Op, Trace

TRIED = 8
"""Draws that are mirrored one by one, where mirroring all of them does not make the sides meet."""


def drawn_alike(comparer: Comparer, run: Callable[[], Pass]) -> Pass:
    """A pass in which both sides draw the same: the right draws for what the left draws for, and as it is used there.

    Only where the outputs differ is it tried whether the right uses some of its draws the other way round.
    """
    runs = run()
    masks: Mapping[str, tuple[int, ...]] = dropout_partners(runs.left, runs.right)
    if not comparer.right.repeatable:
        return runs
    if masks:
        del runs  # before as much is kept again
        comparer.redraw(masks)
        runs = run()
    other = {} if _agree(runs) else Draws(runs.left, runs.right).mirrored()
    if not other:
        return runs
    best = Draws(runs.left, runs.right).meeting()
    tries = [other, *({site: drawn} for site, drawn in other.items() if 1 < len(other) <= TRIED)]
    kept = masks
    for tried in tries:
        comparer.redraw({**kept, **tried})
        runs = run()
        meeting = Draws(runs.left, runs.right).meeting()
        if meeting > best:
            best, kept = meeting, {**kept, **tried}
            if len(tried) == len(other):
                return runs
    comparer.redraw(kept)
    return run()


def draws_numbers(runs: Pass) -> bool:
    """Whether a side draws random numbers."""
    ops = (op for trace in (runs.left, runs.right) for op in trace.ops)
    return any("drawn" in op.attrs or "drawn_normal" in op.attrs for op in ops)


def _agree(runs: Pass) -> bool:
    left, right = runs.left, runs.right
    pairs = [(left.output(a), right.output(b)) for a, b in paired_outputs(left, right)]
    return all(a.shape == b.shape and distance(a, b) <= CEILING for a, b in pairs)


def drawn_otherwise(left: Trace, right: Trace, located: Located) -> str:
    """Why the place where two passes part cannot be judged: both sides draw random numbers there, and other ones.

    "" where it can be. That one side draws there and the other does not is a difference like any other.
    """
    draws = Draws(left, right)
    for name in draws.streams():
        used = [side for side, trace in (("left", left), ("right", right)) if name in trace.streams]
        if len(used) == 1:
            return f"random: the {used[0]} draws from {name}, the other side does not"
        return f"random: the two sides draw other numbers from {name}"
    sides = (("left", left), ("right", right))
    behind = {side: [d for op in located.frontier[side][:1] for d in draws.behind(side, op)] for side, _ in sides}
    alone = {side: {draw.index for draw in draws.alone(side)} for side, _ in sides}
    found = [
        f"{_named(d, trace)} on the {side}" for side, trace in sides for d in behind[side] if d.index in alone[side]
    ]
    return f"random: {', '.join(found)} has no like on the other side" if found and all(behind.values()) else ""


def _named(draw: Op, trace: Trace) -> str:
    shape = trace.shape(draw.outputs[0])
    what = draw.attrs.get("distribution", draw.kind)
    return f"{draw.name}{f' in {draw.scope}' if draw.scope else ''} ({what}, {list(shape or np.shape(0))})"
