"""The units of one model beside those of the other: by hint, name, flow, order, and at last by kind and shape alone."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from nlblocks.parity.pairing.align import called_alike, in_order, leftovers, same_names
from nlblocks.parity.pairing.anchors import Anchors
from nlblocks.parity.pairing.flow import is_bone
from nlblocks.parity.pairing.rename import Rename, hinted
from nlblocks.parity.pairing.rows import By
from nlblocks.parity.pairing.shared import called_in_step
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.tracing import TraceGraph


@dataclass(frozen=True, slots=True)
class Matched:
    """The pairs of units by their positions, what decided each, and what is said of the guesses among them."""

    pairs: dict[int, int] = field(default_factory=dict)
    by: dict[int, By] = field(default_factory=dict)
    guesses: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def sure(self) -> dict[int, int]:
        """The pairs that more speaks for than that nothing else was left."""
        return {i: j for i, j in self.pairs.items() if self.by[i] not in ("shape", "rest")}


def matched(
    a: Sequence[Unit], b: Sequence[Unit], graphs: tuple[TraceGraph, TraceGraph], rename: Rename | None
) -> Matched:
    """Units of other shapes are joined only once no equal ones are left."""
    found = hinted(a, b, rename)
    named = not found and called_alike(a, b)
    anchors = Anchors(a, b, graphs, found, "rename")
    taken = set(found.values())
    anchors.add({i: j for i, j in same_names(a, b).items() if i not in found and j not in taken}, "name")
    taken = set(anchors.found.values())
    if not named:
        shared = called_in_step(a, b, graphs)
        anchors.add({i: j for i, j in shared.items() if i not in anchors.found and j not in taken}, "order")
        anchors.search()
        _ordered(anchors, a, b, bones=True, named=False, resized=False)
        anchors.spread()
        _ordered(anchors, a, b, named=False, resized=False)
    else:
        _ordered(anchors, a, b, named=True, resized=True)
    rest, guesses = leftovers(a, b, anchors.found, anchors.agreeing(), named=named)
    anchors.add(rest, "shape")
    if not named:
        anchors.search(sized=False)
    _ordered(anchors, a, b, named=named, resized=True, by="rest")
    said = {(i,): text for i, text in guesses.items()} | {
        tuple(mine): _any(mine, theirs, a, b) for mine, theirs in anchors.guesses
    }
    return Matched(anchors.found, anchors.by, said)


def _ordered(
    anchors: Anchors, a: Sequence[Unit], b: Sequence[Unit], *, named: bool, resized: bool, bones: bool = False,
    by: By = "order",
) -> None:  # fmt: skip
    """Join what has no partner as it runs; with ``bones`` matrices and kernels alone."""
    taken = set(anchors.found.values())
    rows = [i for i, unit in enumerate(a) if i not in anchors.found and (is_bone(unit) or not bones)]
    columns = [j for j, unit in enumerate(b) if j not in taken and (is_bone(unit) or not bones)]
    near = anchors.agreeing()
    found = in_order(a, b, rows, columns, named=named, resized=resized, agreeing=near)
    if by == "order":  # what crosses others is in no order
        found = _along(found, {i: j for i, j in anchors.found.items() if anchors.by[i] == "order"})
    anchors.add(found, by)


def _along(pairs: dict[int, int], known: dict[int, int]) -> dict[int, int]:
    """The pairs that run in the order of the known ones."""
    places = sorted(known)
    partners = [known[i] for i in places]
    highest = [-1, *accumulate(partners, max)]
    lowest = [*reversed(list(accumulate(reversed(partners), min))), math.inf]
    return {i: j for i, j in pairs.items() if highest[bisect(places, i)] < j < lowest[bisect(places, i)]}


def _any(mine: Sequence[int], theirs: Sequence[int], a: Sequence[Unit], b: Sequence[Unit]) -> str:
    left, right = (", ".join(units[i].name for i in group) for units, group in ((a, mine), (b, theirs)))
    return f"each of {left} could be any of {right}; taken in the order in which they run, use rename= to say"
