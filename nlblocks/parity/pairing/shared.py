"""Layers that one side calls several times, and the other has several of: told by the calls, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.parity.pairing.align import Matches
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.tracing import TraceGraph


def called_in_step(a: Sequence[Unit], b: Sequence[Unit], graphs: tuple[TraceGraph, TraceGraph]) -> Matches:
    """The pairs of units that both sides call in step, if one calls some more often and all calls are of a kind.

    Without the second calls, layers behind a shared one would be those of the other side that stand in its place.
    """
    mine, theirs = _calls(a, graphs[0]), _calls(b, graphs[1])
    alike = [a[i].signature for i in mine] == [b[j].signature for j in theirs]
    if not alike or len(set(mine)) == len(set(theirs)):
        return {}
    found: Matches = {}
    for i, j in zip(mine, theirs, strict=True):
        if i not in found and j not in found.values():
            found[i] = j
    return found


def _calls(units: Sequence[Unit], graph: TraceGraph) -> list[int]:
    """The unit that each operation uses the first parameter of, in execution order."""
    owner = {next(iter(unit.refs.values())).name: place for place, unit in reversed(list(enumerate(units)))}
    found = []
    for op in graph.trace.ops:
        names = (graph.trace.parameter(graph.source(number)) for number in op.inputs)
        own = (
            [owner[name] for name in names if name in owner] if op.outputs[:1] and graph.computed(op.outputs[0]) else []
        )
        found += own[:1]
    return found
