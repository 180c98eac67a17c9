"""Where a model that is right in float64 goes wrong in its own dtype.

Each side is its own measure: the same operations in the same order, once in float64 and once in the model's dtype. A
sound operation hands rounding on; a faulty one makes a large error of small ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import EPSILON, RATIO
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, TraceGraph

JUMP = 100.0
"""An operation whose result is this many times as wrong as its inputs does more than round."""


@dataclass(frozen=True, slots=True)
class Loss:
    """An operation that loses precision: its error, and that of what it was given.

    ``follows`` tells that it is lost in what follows the operation, which no trace shows.
    """

    op: Op
    error: float
    given: float
    backward: bool
    follows: bool = False


def lost_precision(exact: Trace, own: Trace) -> Loss | None:
    """The operation of one model that loses the most, in the forward pass or else in the backward."""
    twin = _twins(exact, own)
    graph = TraceGraph(own)
    for backward in (False, True):
        groups = (exact.grads, own.grads) if backward else (exact.values, own.values)
        zero = _zero(groups[0])
        errors = {
            n: distance(groups[0][twin[n]], a)
            for n, a in groups[1].items()
            if twin.get(n) not in zero and _alike(a, groups[0], twin.get(n))
        }
        found: list[Loss] = []
        for op in own.ops:
            given, made = (op.outputs, op.inputs) if backward else (op.inputs, op.outputs)
            before = max([EPSILON[own.dtype], *_known(errors, given)])
            after = max(_known(errors, made), default=0.0)
            if after > JUMP * before:
                found.append(Loss(op, after, before, backward))
            unseen = backward and not any(graph.consumers[n] for n in op.outputs)
            if unseen and before > JUMP * EPSILON[own.dtype] and not set(op.outputs) & set(own.outputs.values()):
                found.append(Loss(op, before, EPSILON[own.dtype], backward, follows=True))
        if found:
            return max(found, key=lambda loss: loss.error / loss.given)
    return None


def _twins(exact: Trace, own: Trace) -> dict[int, int]:
    """Tensors of the model's own dtype to those of float64; what only the own dtype casts stands for what it casts."""
    twin = {n: n for n in own.origin if exact.origin.get(n) == own.origin[n]}
    following = {key: iter(ops) for key, ops in _by_site(exact).items()}
    for op in own.ops:
        other = next(following.get((op.scope, op.kind), iter(())), None)
        if other is not None:
            twin |= dict(zip(op.outputs, other.outputs, strict=False))
            continue
        source = next(iter(op.inputs), -1)
        if source in twin and len(op.outputs) == 1 and own.shape(op.outputs[0]) == own.shape(source):
            twin[op.outputs[0]] = twin[source]
    return twin


def _by_site(trace: Trace) -> dict[tuple[str, str], list[Op]]:
    found: dict[tuple[str, str], list[Op]] = defaultdict(list)
    for op in trace.ops:
        found[op.scope, op.kind].append(op)
    return found


def explain_precision(
    phase: Phase, runs: Iterable[tuple[str, Trace, Trace]], pairs: Pairing, text: str, error: float
) -> Finding:
    """The finding, at the operation that loses more than any of the other side; at the output where none does.

    ``runs`` are (side, run in float64, run in its own dtype), of which one is held at a time.
    """
    found: dict[str, tuple[Loss, Trace]] = {}
    for side, exact, own in runs:
        loss = lost_precision(exact, own)
        if loss is not None:
            found[side] = loss, replace(own, values={}, grads={})
        del exact, own  # before as much is kept again
    if not found:
        return Finding(phase=phase, place="output", cause="precision.float32", error=error, explanation=text)
    side = max(found, key=lambda s: found[s][0].error / found[s][0].given)
    loss, trace = found[side]
    op, graph = loss.op, TraceGraph(trace)
    partner = {a.name: b.name for a, b in pairs.pairs} if side == "left" else {b.name: a.name for a, b in pairs.pairs}
    names = _ends(side, op.scope, partner if op.leaf else {})
    what = "gradient" if loss.backward else "result"
    place = "that comes back to" if loss.follows else "of"
    is_layer = op.leaf and not loss.follows
    return Finding(
        phase=phase,
        place="layer" if is_layer else "between",
        layer_left=names[0],
        layer_right=names[1],
        cause="precision.float32",
        explanation=(
            f"{text}; on the {side} the {what} {place} {op} is {loss.error:.1e} "
            f"off its own float64, what it comes from {loss.given:.1e}"
        ),
        after=_ends(side, op.scope if loss.follows else graph.around(op, -1), partner),
        before=_ends(side, graph.around(op, 1), partner),
        operation=_ends(side, str(op), {}),
        error=error,
    )


def _ends(side: str, name: str, partner: Mapping[str, str]) -> tuple[str, str]:
    other = partner.get(name, "")
    return (name, other) if side == "left" else (other, name)


def _zero(exact: Mapping[int, Array]) -> set[int]:
    """What is zero but for rounding, and so another in every dtype: the gradient of a bias before a BatchNorm."""
    size = {n: float(np.abs(a).max(initial=0.0)) for n, a in exact.items() if a.dtype.kind == "f"}
    largest = max((s for s in size.values() if np.isfinite(s)), default=0.0)
    return {n for n, s in size.items() if s <= RATIO * EPSILON["float64"] * largest}


def _alike(a: Array, others: Mapping[int, Array], twin: int | None) -> bool:
    return twin is not None and twin in others and a.shape == others[twin].shape and a.dtype.kind in "fc"


def _known(errors: Mapping[int, float], numbers: Iterable[int]) -> list[float]:
    return [errors[n] for n in numbers if n in errors]
