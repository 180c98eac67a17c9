"""The units of a model as a graph, and colours that tell which of them stand in the same place of two graphs.

Branches may run in any order and a sum does not care: what goes into a unit, and what it goes into, tells more than
when it runs. A colour is a number for a unit and all that lies before it, or behind it; equal colours of two models are
equal surroundings.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

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

    @classmethod
    def of(cls, units: Sequence[Unit]) -> Flow:
        """The graph of these units; the parts of a split one stand beside each other."""
        makers: dict[int, list[int]] = {}
        for i, unit in enumerate(units):
            makers.setdefault(unit.output, []).append(i)
        up: list[set[Node]] = [
            {*unit.starts, *(p for tensor in unit.before for p in makers.get(tensor, ()) if p < i)}
            for i, unit in enumerate(units)
        ]
        return cls(units, up, _turned(up, [set(unit.ends) for unit in units]))

    def skeleton(self) -> Flow:
        """The same between matrices and kernels alone: norms and gates, which are written in many ways, left out."""
        up: list[set[Node]] = []
        bones = [is_bone(unit) for unit in self.units]
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
        return self._along(self.up, range(len(labels)), labels, palette)

    def backward(self, palette: Palette, labels: Colouring) -> Colouring:
        """A colour of each unit and everything behind it."""
        return self._along(self.down, reversed(range(len(labels))), labels, palette)

    def near(self, palette: Palette, labels: Colouring, steps: int, *, ahead: bool) -> Colouring:
        """A colour of each unit and what is a few steps ahead of it, or a few behind."""
        found = labels
        sides = [_split(nodes, palette) for nodes in (self.down if ahead else self.up)]
        ends = np.array([end for _, end in sides], np.uint64)
        for _ in range(steps):
            mixed = _mixed(found)
            found = _mixed(labels + ends + np.array([mixed[places].sum() for places, _ in sides], np.uint64))
        return found

    @staticmethod
    def _along(sides: Sequence[set[Node]], order: Iterable[int], labels: Colouring, palette: Palette) -> Colouring:
        """The colour of each unit and of all that leads to it, which comes first in the order."""
        found, mixed = labels.copy(), labels.copy()
        for i in order:
            places, end = _split(sides[i], palette)
            found[i : i + 1] = _mixed(labels[i : i + 1] + mixed[places].sum() + end)
            mixed[i : i + 1] = _mixed(found[i : i + 1])
        return found


def _split(nodes: set[Node], palette: Palette) -> tuple[NDArray[np.int64], np.uint64]:
    """The units among the neighbours, and a number for the ends of the model that are."""
    ends = sorted(node for node in nodes if isinstance(node, str))
    end = _mixed(np.array([palette.of("ends", *ends)], np.uint64))[0] if ends else np.uint64(0)
    return np.array([node for node in nodes if isinstance(node, int)], np.int64), end


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


def _turned(up: Sequence[set[Node]], down: list[set[Node]]) -> list[set[Node]]:
    for i, nodes in enumerate(up):
        for node in nodes:
            if isinstance(node, int):
                down[node].add(i)
    return down


def _through(nodes: set[Node], known: Sequence[set[Node]], bones: Sequence[bool]) -> set[Node]:
    """The nearest bones and ends, through everything else."""
    found: set[Node] = set()
    for node in nodes:
        if isinstance(node, str) or bones[node]:
            found.add(node)
        else:
            found |= known[node]
    return found
