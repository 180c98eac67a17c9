"""The units of a model as a graph, and colours that tell which of them stand in the same place of two graphs.

Branches may run in any order and a sum does not care: what goes into a unit, and what it goes into, tells more than
when it runs. A colour is a number for a unit and all that lies before it, or behind it; equal colours of two models are
equal surroundings.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from nlblocks.parity.pairing.units import FAMILIES, Unit

Node = int | str
"""The position of a unit, or the name of an input or output of the model."""
Colouring = NDArray[np.uint64]
"""A colour for each unit: 64 bits, of which no two that should differ are equal but by a chance of 1 in 10^13."""
FEATURES = ("stride", "padding", "dilation", "groups", "output_padding")
"""Attributes that two layers of one shape may be told apart by."""


class Palette:
    """Gives equal things of both models one number."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def of(self, *parts: Hashable) -> int:
        return self._known.setdefault(parts, len(self._known))


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes into each unit, and what each goes into, with nothing that has parameters between."""

    units: Sequence[Unit]
    up: Sequence[set[Node]]
    down: Sequence[set[Node]]
    _neighbours: dict[tuple[bool, Palette], _Neighbours] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, units: Sequence[Unit]) -> Flow:
        """The graph of these units; the parts of a split one stand beside each other."""
        makers: dict[int, list[int]] = {}
        for i, unit in enumerate(units):
            makers.setdefault(unit.output, []).append(i)
        first = {tensor: places[0] for tensor, places in makers.items()}
        parts = {tensor: places[1:] for tensor, places in makers.items() if len(places) > 1}
        inner, up = list[set[int]](), list[set[Node]]()
        for i, unit in enumerate(units):
            known = unit.before if unit.before <= first.keys() else unit.before & first.keys()
            places = set(map(first.__getitem__, known))
            if parts:
                places.update(*(parts[tensor] for tensor in known & parts.keys()))
            inner.append(places if max(places, default=-1) < i else {p for p in places if p < i})
            up.append(inner[-1] | unit.starts)
        return cls(units, up, _turned(inner, [set(unit.ends) for unit in units]))

    def skeleton(self) -> Flow:
        """The same between matrices and kernels alone: norms and gates, which are written in many ways, left out."""
        up: list[set[Node]] = []
        bones = [is_bone(unit) for unit in self.units]
        if all(bones):
            return self
        for nodes in self.up:
            up.append(_through(nodes, up, bones))
        down: list[set[Node]] = [set() for _ in self.units]
        for i in reversed(range(len(down))):
            down[i] = _through(self.down[i], down, bones)
        return Flow(self.units, up, down)

    def labels(self, palette: Palette, *, features: bool = False, sized: bool = True) -> Colouring:
        """The colour of each unit by itself: its family and shape, with ``features`` what else tells layers apart.

        Where it is not ``sized``, of the shape the kernel and the number of axes alone.
        """
        own = [
            palette.of(
                FAMILIES.get(unit.kind, unit.kind), _form(unit, sized=sized), unit.buffers,
                tuple(str(unit.attrs.get(name)) for name in FEATURES) if features else (),
            )
            for unit in self.units
        ]  # fmt: skip
        return _mixed(np.array(own, np.uint64))

    def forward(self, palette: Palette, labels: Colouring) -> Colouring:
        """A colour of each unit and everything before it."""
        return self._along(self._beside(palette, ahead=False), range(len(labels)), labels)

    def backward(self, palette: Palette, labels: Colouring) -> Colouring:
        """A colour of each unit and everything behind it."""
        return self._along(self._beside(palette, ahead=True), reversed(range(len(labels))), labels)

    def near(self, palette: Palette, labels: Colouring, steps: int, *, ahead: bool) -> Colouring:
        """A colour of each unit and what is a few steps ahead of it, or a few behind."""
        found, near = labels, self._beside(palette, ahead=ahead)
        for _ in range(steps):
            found = _mixed(labels + near.ends + near.sums(_mixed(found)))
        return found

    def _beside(self, palette: Palette, *, ahead: bool) -> _Neighbours:
        """What is one step ahead of each unit, or one behind; read once, for a stream of n layers has n * n of them."""
        key = ahead, palette
        if key not in self._neighbours:
            self._neighbours[key] = _Neighbours.of(self.units, self.down if ahead else self.up, palette)
        return self._neighbours[key]

    @staticmethod
    def _along(near: _Neighbours, order: Iterable[int], labels: Colouring) -> Colouring:
        """The colour of each unit and of all that leads to it, which comes first in the order."""
        found, mixed = labels.copy(), labels.copy()
        for i in order:
            found[i : i + 1] = _mixed(labels[i : i + 1] + mixed[near.of_unit(i)].sum() + near.ends[i])
            mixed[i : i + 1] = _mixed(found[i : i + 1])
        return found


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The units beside each unit in one row, where those of each begin, and a number for ends of the model."""

    places: NDArray[np.int64]
    bounds: NDArray[np.int64]
    ends: Colouring

    @classmethod
    def of(cls, units: Sequence[Unit], sides: Sequence[set[Node]], palette: Palette) -> _Neighbours:
        names: set[Node] = {name for unit in units for name in (*unit.starts, *unit.ends)}
        own = [nodes & names for nodes in sides]
        inner = [nodes - ends for nodes, ends in zip(sides, own, strict=True)]
        bounds = np.array([0, *accumulate(map(len, inner))], np.int64)
        places = np.fromiter(chain.from_iterable(inner), np.int64, int(bounds[-1]))
        numbers = [palette.of("ends", *sorted(map(str, ends))) if ends else 0 for ends in own]
        there = np.array([bool(ends) for ends in own])
        return cls(places, bounds, np.where(there, _mixed(np.array(numbers, np.uint64)), np.uint64(0)))

    def of_unit(self, place: int) -> NDArray[np.int64]:
        return self.places[self.bounds[place] : self.bounds[place + 1]]

    def sums(self, values: Colouring) -> Colouring:
        """The sum of what the units beside each have, modulo 2^64."""
        total: Colouring = np.concatenate([np.zeros(1, np.uint64), values[self.places].cumsum(dtype=np.uint64)])
        return total[self.bounds[1:]] - total[self.bounds[:-1]]


def _mixed(values: Colouring) -> Colouring:
    """The values, each spread over all bits, so that sums of them are equal where the terms are: SplitMix64."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Colouring = values ^ (values >> np.uint64(31))
    return mixed


def _form(unit: Unit, *, sized: bool) -> tuple[int, ...]:
    """The shape of a unit, or what is left of it without the widths."""
    shape = unit.signature[1]
    return shape if sized else (len(shape), *shape[2:])


def is_bone(unit: Unit) -> bool:
    """Whether a unit is a matrix or a kernel, whose shape tells much."""
    return len(unit.signature[1]) > 1 and unit.kind != "tensor"


def _turned(up: Sequence[set[int]], ends: Sequence[set[str]]) -> list[set[Node]]:
    """What each unit goes into: the units that it is ``up`` of, and its ends."""
    counts = [len(places) for places in up]
    from_, to = np.fromiter(chain.from_iterable(up), np.int64, sum(counts)), np.repeat(np.arange(len(up)), counts)
    order = np.argsort(from_, kind="stable")
    bounds = np.searchsorted(from_[order], np.arange(len(up) + 1)).tolist()
    behind = to[order].tolist()
    return [{*behind[x:y], *own} for x, y, own in zip(bounds, bounds[1:], ends, strict=False)]


def _through(nodes: set[Node], known: Sequence[set[Node]], bones: Sequence[bool]) -> set[Node]:
    """The nearest bones and ends, through everything else."""
    found: set[Node] = set()
    for node in nodes:
        if isinstance(node, str) or bones[node]:
            found.add(node)
        else:
            found |= known[node]
    return found
