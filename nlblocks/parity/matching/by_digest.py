"""Partner tensors of two runs by their digests: enough to set operations side by side where nothing went wrong."""

from __future__ import annotations

from collections import defaultdict

from nlblocks.parity.tracing import Trace, TraceGraph


class ByDigest:
    """The right's partners of every tensor of the left; ``digests`` are the left's and the right's by number."""

    def __init__(self, left: Trace, right: Trace, tolerance: float) -> None:
        self.left, self.right = TraceGraph(left), TraceGraph(right)
        self.digests = left.digested(), right.digested()
        mine, theirs = self.digests
        sizes: dict[int, list[int]] = defaultdict(list)
        for other, found in theirs.items():
            sizes[found.size].append(other)
        self.to_right: dict[int, list[int]] = defaultdict(list)
        for number, found in mine.items():
            self.to_right[number] = [other for other in sizes[found.size] if found.meets(theirs[other], tolerance)]
