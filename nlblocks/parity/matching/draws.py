"""Which random draw of one run is which of the other, which may be used the other way round, and which has no like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nlblocks.parity.matching.by_digest import ByDigest
from nlblocks.parity.matching.dropout import Drawn, key
from nlblocks.parity.tracing import Op, Trace, TraceGraph, vocabulary

THRESHOLDS = {"uniform", "bernoulli"}
"""Distributions by which a model keeps and drops, as by a dropout: they are one another's like."""
COMPARISONS = {"less", "less_equal", "greater", "greater_equal"}
Kept = tuple[str, object]
"""What two draws have in common that are given the same numbers: the sort of the draw, and what it is drawn for."""


class Draws:
    """The draws of two runs."""

    def __init__(self, left: Trace, right: Trace) -> None:
        self.left, self.right = left, right
        self._draws = {side: list(_draws(trace)) for side, trace in (("left", left), ("right", right))}

    def mirrored(self) -> dict[str, Drawn]:
        """The right's draws, by site, that it may use the other way round than the left: mirrored numbers for them.

        ``rand() < keep`` keeps the low numbers where ``floor(keep + rand())`` and a dropout keep the high ones. Which
        comparison keeps and which drops a trace does not tell: whether the sides meet so has to be tried.
        """
        compared = {found: _compared(self.left, op) for found, op in self._draws["left"] if "drawn" in op.attrs}
        return {
            op.site: (*op.attrs["drawn"][:-1], ~op.attrs["drawn"][-1])
            for found, op in self._draws["right"]
            if found in compared and (compared[found] or _compared(self.right, op))
        }

    def meeting(self) -> int:
        """How many results of the left the right has as well."""
        by_digest = ByDigest(self.left, self.right, tolerance=1e-10)
        return sum(bool(partners) for n, partners in by_digest.to_right.items() if n in by_digest.left.live)

    def alone(self, side: str) -> list[Op]:
        """The draws of a side without their like on the other: another distribution, shape or number of draws."""
        other = Counter(found for found, _ in self._draws["right" if side == "left" else "left"])
        return [op for found, op in self._draws[side] if not _take(other, found)]

    def behind(self, side: str, op: Op) -> list[Op]:
        """The draws that an operation takes directly, or that it is."""
        graph = TraceGraph(self.left if side == "left" else self.right)
        draws = {id(draw) for _, draw in self._draws[side]}
        found, queue, seen = list[Op](), [op], set[int]()
        while queue:
            current = queue.pop()
            if current.index in seen:
                continue
            seen.add(current.index)
            if id(current) in draws:
                found.append(current)
            makers = (graph.producer.get(n) for n in current.inputs)
            queue += [o for o in makers if o is not None and (o.kind == vocabulary.RANDOM or _dry(graph, o))]
        return found

    def streams(self) -> list[str]:
        """Generators outside the frameworks that the two runs drew from otherwise."""
        left, right = self.left.streams, self.right.streams
        return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _draws(trace: Trace) -> Iterator[tuple[Kept, Op]]:
    for op in trace.ops:
        if op.kind != vocabulary.RANDOM and "drawn" not in op.attrs:
            continue
        sort = str(op.attrs.get("distribution", "bernoulli" if op.kind in vocabulary.DROPOUTS else op.kind))
        drawn = op.attrs.get("drawn", op.attrs.get("drawn_normal"))
        if drawn is None:
            yield (f"{trace.framework}'s own {sort}", op.index), op  # the framework's own numbers are like no others
        else:
            count = drawn[-1] if drawn[-1] >= 0 else ~drawn[-1]
            yield ("threshold" if sort in THRESHOLDS else sort, key((*drawn[:-1], count))), op


def _take(counted: Counter[Kept], found: Kept) -> bool:
    """Whether one is left, which is taken."""
    counted[found] -= 1
    return counted[found] >= 0


def _compared(trace: Trace, op: Op) -> bool:
    """Whether a draw itself is compared with something."""
    graph = TraceGraph(trace)
    queue = list(op.outputs)
    while queue:
        for user in graph.consumers[queue.pop()]:
            if user.kind in COMPARISONS:
                return True
            if user.kind in vocabulary.LAYOUT:
                queue += user.outputs
    return False


def _dry(graph: TraceGraph, op: Op) -> bool:
    """Whether an operation depends on nothing that the model was given: what is made of a draw alone."""
    return not any(n in graph.live for n in op.outputs)
