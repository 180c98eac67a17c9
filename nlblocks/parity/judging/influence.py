"""Layers that compute other things on the two sides, though nothing that is compared shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.substitutions import users_of
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, TraceGraph


def without_influence(runs: Pass, pairs: Pairing, phase: Phase) -> Iterator[Finding]:
    """The note on the first pair of layers whose results differ in a pass whose outputs do not.

    A mean over an instance norm is its bias, whatever the convolution before it gives. Only what neither side has
    anywhere counts: the other may compute the same in other steps.
    """
    traces = runs.left, runs.right
    fed = [TraceGraph(trace).fed for trace in traces]
    users = [users_of(trace) for trace in traces]
    digests = [trace.digested() for trace in traces]
    found = dict[tuple[str, str], tuple[Op, Op]]()
    for mine, theirs, _, a, b in pairs.roles():
        ops = [_first(own.get(ref.name, ()), there) for own, ref, there in zip(users, (mine, theirs), fed, strict=True)]
        if ops[0] is None or ops[1] is None:
            continue
        results = [own.get(op.outputs[0]) for own, op in zip(digests, (ops[0], ops[1]), strict=True)]
        if results[0] is None or results[1] is None or results[0].size != results[1].size:
            continue
        if results[0].meets(results[1], CEILING) or any(
            result.meets(other, CEILING)
            for result, others in zip((results[0], results[1]), digests[::-1], strict=True)
            for other in others.values()
        ):
            continue
        found.setdefault((a.name, b.name), (ops[0], ops[1]))
    if found:
        yield _said(found, traces, phase)


def _first(ops: Sequence[Op], fed: set[int]) -> Op | None:
    """The first operation whose result depends on an input."""
    return next((op for op in ops if op.outputs and op.outputs[0] in fed), None)


def _said(found: dict[tuple[str, str], tuple[Op, Op]], traces: tuple[Trace, Trace], phase: Phase) -> Finding:
    (left, right), ops = next(iter(found.items()))
    graphs = [TraceGraph(trace) for trace in traces]
    after = [graph.around(op, -1) for graph, op in zip(graphs, ops, strict=True)]
    others = len(found) - 1
    more = f", nor what {others} more layer{'s' if others > 1 else ''} behind it give" if others else ""
    name = left if left == right else f"{left} / {right}"
    text = (
        f"what {name or 'the model itself'} gives is not the same on the two sides{more}, and no output shows it: "
        "nothing that is compared depends on it"
    )
    same = traces[0].digested().get(ops[0].inputs[0]), traces[1].digested().get(ops[1].inputs[0])
    inside = same[0] is not None and same[1] is not None and same[0].meets(same[1], CEILING)
    return Finding(
        phase=phase, place="layer" if inside else "between", layer_left=left, layer_right=right, severity="note",
        explanation=text, after=(after[0], after[1]), before=(left, right), operation=(str(ops[0]), str(ops[1])),
    )  # fmt: skip
