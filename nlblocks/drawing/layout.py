"""A layered layout: boxes in ranks from the top down, ordered so that few arrows cross, and placed near what they join.

Knows nothing of what is drawn. After Sugiyama et al. 1981: an arrow that passes a rank gets a place there of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

SWEEPS, STEPS = 24, 200
"""How often ranks are ordered by their neighbours, and then placed by them: small graphs stand still long before."""
GAP, RANK_GAP, LANE = 18.0, 26.0, 14.0
"""Pixels between two boxes of a rank, between two ranks, and what an arrow takes that passes a rank."""
PASSING = 0.2
"""How hard a box is drawn to an arrow that passes ranks, where one to another box counts 1."""

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each box is, by its middle, the way of each arrow, and the size of the whole."""

    boxes: tuple[Point, ...]
    ways: Mapping[tuple[int, int], tuple[Point, ...]]
    """Points from the bottom of one box to the top of another; between two points of one x the arrow passes a rank."""
    width: float
    height: float


def layout(sizes: Sequence[Size], edges: Sequence[tuple[int, int]]) -> Layout:
    """The layout of boxes of these sizes. ``edges`` are arrows from box to box, without circles."""
    ranks = _ranks(len(sizes), edges)
    graph = _Graph([size[0] for size in sizes], ranks)
    chains = {edge: graph.chain(*edge) for edge in edges}
    rows = graph.ordered()
    middles = graph.placed(rows)
    left = min(middles[item] - graph.widths[item] / 2 for row in rows for item in row)
    heights = [max((sizes[item][1] for item in row if item < len(sizes)), default=0.0) for row in rows]
    tops, y = list[float](), 0.0
    for height in heights:
        tops.append(y)
        y += height + RANK_GAP
    xs = [middle - left for middle in middles]
    boxes = tuple((xs[item], tops[ranks[item]] + heights[ranks[item]] / 2) for item in range(len(sizes)))
    ways = {}
    for (source, target), chain in chains.items():
        way = [(xs[source], boxes[source][1] + sizes[source][1] / 2)]
        for item in chain[1:-1]:
            rank = graph.ranks[item]
            way += [(xs[item], tops[rank]), (xs[item], tops[rank] + heights[rank])]
        ways[source, target] = (*way, (xs[target], boxes[target][1] - sizes[target][1] / 2))
    width = max(xs[item] + graph.widths[item] / 2 for row in rows for item in row)
    return Layout(boxes, ways, width, y - RANK_GAP)


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The rank of each box: one below the lowest that it hangs from, and a box that hangs from none above its first."""
    ranks = [0] * count
    for _ in range(count):
        for source, target in edges:
            ranks[target] = max(ranks[target], ranks[source] + 1)
    hanging = {target for _, target in edges}
    for item in range(count):
        below = [ranks[target] for source, target in edges if source == item]
        if item not in hanging and below:
            ranks[item] = min(below) - 1
    return ranks


class _Graph:
    """Boxes and, beside them, the places of arrows that pass a rank, all numbered in one row."""

    def __init__(self, widths: list[float], ranks: Sequence[int]) -> None:
        self.widths, self.ranks = list(widths), list(ranks)
        self._boxes = len(widths)
        self._chains: list[list[int]] = []
        self._up: dict[int, list[int]] = defaultdict(list)
        self._down: dict[int, list[int]] = defaultdict(list)

    def chain(self, source: int, target: int) -> list[int]:
        """The places that an arrow passes, its ends included."""
        passed = range(self.ranks[source] + 1, self.ranks[target])
        chain = [source, *range(len(self.widths), len(self.widths) + len(passed)), target]
        self.widths += [LANE] * len(passed)
        self.ranks += passed
        self._chains.append(chain)
        for above, below in pairwise(chain):
            self._down[above].append(below)
            self._up[below].append(above)
        return chain

    def ordered(self) -> list[list[int]]:
        """The ranks, each from left to right."""
        rows = [
            [item for item in range(len(self.ranks)) if self.ranks[item] == rank] for rank in range(max(self.ranks) + 1)
        ]
        best, fewest = rows, self._crossings(rows)
        for sweep in range(SWEEPS):
            rows = [list(row) for row in rows]
            near = self._up if sweep % 2 == 0 else self._down
            for row in rows if sweep % 2 == 0 else reversed(rows):
                places = {item: place for other in rows for place, item in enumerate(other)}
                row.sort(key=lambda item: _mean([(places[other], 1.0) for other in near[item]], places[item]))
            crossings = self._crossings(rows)
            if crossings < fewest:
                best, fewest = rows, crossings
        return best

    def _crossings(self, rows: Sequence[Sequence[int]]) -> int:
        """How many pairs of arrows cross."""
        total = 0
        for row in rows[1:]:
            above = {item: place for other in rows for place, item in enumerate(other)}
            ends = [(above[source], place) for place, item in enumerate(row) for source in self._up[item]]
            total += sum((a - c) * (b - d) < 0 for a, b in ends for c, d in ends) // 2
        return total

    def placed(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """The middle of each item: near its neighbours, in its rank's order; an arrow that passes ranks is straight.

        Each step asks where every unit wants to be, and puts all there from the left, whatever is in the way moved to
        the right, and then the same from the right. Both keep all apart, and so does their mean.
        """
        units = self._units(rows)
        lefts = {(units[a], units[b]): self._apart(a, b) for row in rows for a, b in pairwise(row)}
        for row in rows:
            for a, b in pairwise(row):
                lefts[units[a], units[b]] = max(lefts[units[a], units[b]], self._apart(a, b))
        before: dict[int, list[tuple[int, float]]] = {unit: [] for unit in units}
        after: dict[int, list[tuple[int, float]]] = {unit: [] for unit in units}
        for (a, b), gap in lefts.items():
            before[b].append((a, gap))
            after[a].append((b, gap))
        order = list(TopologicalSorter({unit: [a for a, _ in found] for unit, found in before.items()}).static_order())
        pulls = self._pulls(units)
        middles = dict.fromkeys(order, 0.0)
        for _ in range(STEPS):
            wanted = {
                unit: _mean([(middles[other], pull) for other, pull in pulls[unit]], middles[unit]) for unit in order
            }
            right, left = dict(wanted), dict(wanted)
            for unit in order:
                right[unit] = max([wanted[unit], *(right[a] + gap for a, gap in before[unit])])
            for unit in reversed(order):
                left[unit] = min([wanted[unit], *(left[b] - gap for b, gap in after[unit])])
            middles = {unit: (right[unit] + left[unit]) / 2 for unit in order}
        return [middles[unit] for unit in units]

    def _apart(self, a: int, b: int) -> float:
        """How far the middles of two neighbours in a rank are apart at least."""
        return (self.widths[a] + self.widths[b]) / 2 + GAP

    def _units(self, rows: Sequence[Sequence[int]]) -> list[int]:
        """What moves as one, by each item: a box, or all places of an arrow, unless arrows cross where both pass."""
        units = list(range(len(self.ranks)))
        for chain in self._chains:
            kept = list(units)
            for item in chain[1:-1]:
                units[item] = chain[1]
            try:
                before: dict[int, set[int]] = {unit: set() for unit in units}
                for row in rows:
                    for a, b in pairwise(row):
                        before[units[b]].add(units[a])
                tuple(TopologicalSorter(before).static_order())
            except CycleError:
                units = kept
        return units

    def _pulls(self, units: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
        """What each unit is drawn to, and how hard: a box to boxes before arrows that pass."""
        pulls: dict[int, list[tuple[int, float]]] = {unit: [] for unit in units}
        for above, below in ((above, below) for above, found in self._down.items() for below in found):
            if units[above] != units[below]:
                pull = PASSING if max(above, below) >= self._boxes else 1.0
                pulls[units[above]].append((units[below], pull))
                pulls[units[below]].append((units[above], pull))
        return pulls


def _mean(values: Sequence[tuple[float, float]], default: float) -> float:
    """The mean of numbers by their weights."""
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if values else default
