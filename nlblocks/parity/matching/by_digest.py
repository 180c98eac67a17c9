"""Partner tensors of two runs by their digests: enough to set operations side by side where nothing went wrong."""

from __future__ import annotations

from collections import defaultdict

from nlblocks.parity.tracing.digest import Digest, digest
from nlblocks.parity.tracing.graph import TraceGraph
from nlblocks.parity.tracing.trace import Trace


class ByDigest:
    """The right's partners of every tensor of the left; ``digests`` are the left's and the right's by number."""

    def __init__(self, left: Trace, right: Trace, tolerance: float) -> None:
        self.left, self.right = TraceGraph(left), TraceGraph(right)
        self.digests = _digests(left), _digests(right)
        sizes: dict[int, list[tuple[int, Digest]]] = defaultdict(list)
        for other, theirs in self.digests[1].items():
            sizes[theirs.size].append((other, theirs))
        self.to_right: dict[int, list[int]] = defaultdict(list)
        for number, mine in self.digests[0].items():
            self.to_right[number] = [other for other, theirs in sizes[mine.size] if mine.meets(theirs, tolerance)]


def _digests(trace: Trace) -> dict[int, Digest]:
    """What was kept, or what the values give; without the parameters."""
    if trace.digests:
        return trace.digests
    return {number: digest(value) for number, value in trace.values.items() if trace.parameter(number) is None}
