"""Whether a step of two runs is the same: every tensor by what nudges of one unit in the last place made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlblocks.numerics import Comparison, NoiseFloor
from nlblocks.numerics.tolerance import MODEL_CEILING, MODEL_LIMIT, ZERO_CEILING
from nlblocks.training.lockstep.plan import LOSS, Key, Results

FORWARD = ("batch", "loss", "buffers", "gradients")
"""What a step computes, in order; then the optimiser's slots, then the weights."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The comparisons of one step, sorted by what they say. ``dead`` are parameters that only rounding moves.

    ``nudged`` is how far the nudged runs moved each tensor, in its own units.
    """

    step: int
    judged: Sequence[Comparison]
    dead: frozenset[str]
    nudged: dict[Key, float]

    @property
    def failing(self) -> list[Comparison]:
        """What differs, in the order in which a step computes it."""
        found = (one for one in self.judged if not one.passed and not one.undecided and not self.excused(one))
        return sorted(found, key=_order)

    @property
    def open(self) -> list[Comparison]:
        """What could not be judged, and is neither dead nor a running statistic."""
        return [one for one in self.judged if one.undecided and not self.excused(one) and one.group != "buffers"]

    @property
    def loose(self) -> list[Comparison]:
        """Running statistics that could not be judged."""
        return [one for one in self.judged if one.undecided and one.group == "buffers"]

    @property
    def doubtful(self) -> bool:
        """Whether something differs that more nudges may show to be rounding."""
        return bool(self.failing) and not any(one.difference.problem for one in self.failing)

    def excused(self, one: Comparison) -> bool:
        """Whether a tensor is what rounding made of a parameter without a gradient. NaN is never excused."""
        return one.name in self.dead and one.group not in ("gradients", "buffers") and not one.difference.problem


@dataclass(slots=True)
class Judge:
    """Judges step after step. ``alive`` are the parameters that had a gradient beyond rounding in some step so far."""

    pair: tuple[str, str]
    dtype: str
    alive: set[str] = field(default_factory=set)
    loss_floor: float = 0.0

    def judge(self, step: int, first: Results, second: Results, nudged: Iterable[Results]) -> Verdicts:
        """All tensors of a step of both runs; the floors are those of ``nudged`` runs."""
        floor = NoiseFloor(first)
        for moved in nudged:
            floor.add_all(moved)
        floors = {key: NoiseFloor.smoothed(one) for key, one in floor.floors.items()}
        # One number may come to lie by chance where it was: it counts how far it has ever been.
        self.loss_floor = max(self.loss_floor, float(floors.get(LOSS, 0.0)))
        floors[LOSS] = np.asarray(self.loss_floor)
        largest: dict[str, float] = {}
        for (group, _), value in first.items():
            largest[group] = max(largest.get(group, 0.0), float(np.abs(value).max(initial=0.0)))
        judged = [
            self._compare(step, key, first, second, floors, largest.get(key[0], 0.0)) for key in {**first, **second}
        ]
        gradients = [one for one in judged if one.group == "gradients"]
        self.alive |= {one.name for one in gradients if not _rounding(one, largest["gradients"])}
        dead = frozenset(one.name for one in gradients) - self.alive
        return Verdicts(step, judged, dead, {key: float(one.max(initial=0.0)) for key, one in floors.items()})

    def exact(self, step: int, first: Results, second: Results) -> list[Comparison]:
        """What both sides must be given to the bit, where it differs."""
        found = [self._compare(step, key, first, second, None, 0.0) for key in {**first, **second}]
        return sorted((one for one in found if not one.passed), key=_order)

    def _compare(
        self, step: int, key: Key, first: Results, second: Results, floors: Results | None, largest: float
    ) -> Comparison:
        group, name = key
        record: dict[str, Any] = {
            "phase": f"step {step}",
            "group": group,
            "name": name,
            "dtype": self.dtype,
            "pair": self.pair,
        }
        missing = [side for side, results in zip(self.pair, (first, second), strict=True) if key not in results]
        if missing:
            return Comparison.impossible(f"{missing[0]} has none", **record)
        if floors is None:
            return Comparison.of(first[key], second[key], limit=0.0, **record)
        return Comparison.of(
            first[key], second[key], noise=floors.get(key, 0.0), largest=largest, alike=True,
            limit=MODEL_LIMIT if self.dtype == "float64" else None, ceiling=MODEL_CEILING[self.dtype], **record,
        )  # fmt: skip


def _rounding(gradient: Comparison, largest: float) -> bool:
    """Whether a gradient is zero but for rounding, on both sides and where it is nudged."""
    if gradient.difference.problem:
        return False
    scale = gradient.difference.scale
    return scale <= ZERO_CEILING[gradient.dtype] * largest and gradient.zero


def _order(one: Comparison) -> tuple[int, float]:
    """By what a step computes first; of one kind, the farthest apart first."""
    place = FORWARD.index(one.group) if one.group in FORWARD else len(FORWARD) + (one.group == "weights")
    return place, -np.inf if one.difference.problem else -one.difference.relative
