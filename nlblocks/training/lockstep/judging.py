"""Whether a step of two runs is the same: every tensor by what nudges of one unit in the last place made of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison, NoiseFloor
from nlblocks.numerics.tolerance import MODEL_CEILING, MODEL_LIMIT, RATIO, SUMS, ZERO_CEILING
from nlblocks.training.lockstep.plan import LOSS, Key, Moved, Results

FORWARD = ("batch", "evaluation", "loss", "buffers", "gradients")
"""What a step computes, in order; then the optimiser's slots, then the weights."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The comparisons of one step, sorted by what they say.

    ``dead`` are parameters that only rounding moves; of ``faint`` ones that is not clear, for nudges have not shown it.
    ``nudged`` is how far the nudged runs moved each tensor, in its own units.
    """

    step: int
    judged: Sequence[Comparison]
    dead: frozenset[str]
    faint: frozenset[str]
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
    def unsettled(self) -> list[Comparison]:
        """Weights that only rounding moves, where they are no more the same."""
        return [one for one in self.judged if one.group == "weights" and not one.passed and self.excused(one)]

    @property
    def doubtful(self) -> bool:
        """Whether there is something that more nudges may show to be rounding."""
        return bool(self.failing or self.faint) and not any(one.difference.problem for one in self.failing)

    def excused(self, one: Comparison) -> bool:
        """Whether a tensor is what rounding made of a parameter without a gradient. NaN is never excused."""
        return one.name in self.dead and one.group not in ("gradients", "buffers") and not one.difference.problem


@dataclass(slots=True)
class Judge:
    """Judges step after step.

    ``alive`` are the parameters that had a gradient beyond rounding in some step so far, ``rounding`` is how far nudges
    have ever moved the gradient of each, in units of the largest gradient beside it.
    """

    pair: tuple[str, str]
    dtype: str
    alive: set[str] = field(default_factory=set)
    rounding: dict[str, float] = field(default_factory=dict)
    loss_floor: float = 0.0

    def again(self) -> Judge:
        """A judge who knows what has a gradient, and of no drift."""
        return Judge(self.pair, self.dtype, set(self.alive), dict(self.rounding))

    @property
    def limit(self) -> float:
        """The relative difference that passes without asking: none does in float32."""
        return MODEL_LIMIT if self.dtype == "float64" else 0.0

    def judge(self, step: int, first: Results, second: Results, nudged: Sequence[Moved]) -> Verdicts:
        """All tensors of a step of both runs; the floors are those of ``nudged`` runs of either side.

        What is within the limit is the same, whatever nudges do to it: of each group the farthest apart stands for all.
        """
        scales = {key: max(_scale(first.get(key)), _scale(second.get(key))) for key in {**first, **second}}
        largest: dict[str, float] = {}
        farthest: dict[str, tuple[float, Key]] = {}
        beyond: list[Key] = [LOSS] if LOSS in first else []
        for key, scale in scales.items():
            group = key[0]
            largest[group] = max(largest.get(group, 0.0), scale)
            apart = _apart(first.get(key), second.get(key), scale)
            if apart <= self.limit:
                farthest[group] = max(farthest.get(group, (-1.0, key)), (apart, key))
            else:
                beyond.append(key)
        asked = dict.fromkeys((*beyond, *(key for _, key in farthest.values())))
        floors = self._floors(asked, (first, second), nudged)
        judged = [self._compare(step, key, first, second, floors, largest[key[0]]) for key in asked]
        most = {key: float(one.max(initial=0.0)) for key, one in floors.items()}
        shares = {
            name: (scale, most.get((group, name))) for (group, name), scale in scales.items() if group == "gradients"
        }
        faint = self._faint(shares, largest.get("gradients", 0.0))
        return Verdicts(step, judged, frozenset(shares) - self.alive - faint, faint, most)

    def _faint(self, gradients: Mapping[str, tuple[float, float | None]], largest: float) -> frozenset[str]:
        """The parameters whose gradient is tiny, and beyond what nudges have shown to be rounding.

        Of each gradient, the largest value and how far nudges move it are given, None where that was not asked. What
        is not tiny is alive.
        """
        found = set()
        for name, (scale, noise) in gradients.items():
            if scale > ZERO_CEILING[self.dtype] * largest:
                self.alive.add(name)
            elif scale and noise is not None:
                self.rounding[name] = max(self.rounding.get(name, 0.0), noise / largest)
                if scale > RATIO * self.rounding[name] * largest:
                    found.add(name)
        return frozenset(found) - self.alive

    def _floors(self, keys: Iterable[Key], both: tuple[Results, Results], nudged: Sequence[Moved]) -> dict[Key, Array]:
        """The noise floors of some tensors: the larger one of what either framework makes of nudges."""
        plain, shuffled = ([NoiseFloor(results) for results in both] for _ in range(2))
        for one in nudged:
            floor = (shuffled if one.shuffled else plain)[one.side]
            floor.add_all({key: one.results[key] for key in keys if key in one.results})
        for few, more in zip(plain, shuffled, strict=True):
            for key, reordered in more.floors.items():
                own = few.floors[key]
                few.floors[key] = np.maximum(own, np.minimum(reordered, SUMS * own.max()))
        larger = NoiseFloor.larger(*(floor.floors for floor in plain))
        floors = {key: NoiseFloor.smoothed(one) for key, one in larger.items()}
        # One number may come to lie by chance where it was: it counts how far it has ever been.
        self.loss_floor = max(self.loss_floor, float(floors.get(LOSS, 0.0)))
        floors[LOSS] = np.asarray(self.loss_floor)
        return floors

    def exact(self, step: int, first: Results, second: Results) -> list[Comparison]:
        """What both sides must be given to the bit, where it differs."""
        found = [self._compare(step, key, first, second, None, 0.0) for key in {**first, **second}]
        return sorted((one for one in found if not one.passed), key=_order)

    def _compare(
        self, step: int, key: Key, first: Results, second: Results, floors: Results | None, largest: float
    ) -> Comparison:
        group, name = key
        record: dict[str, Any] = {"phase": f"step {step}", "group": group, "name": name}
        record |= {"dtype": self.dtype, "pair": self.pair}
        for side, results in zip(self.pair, (first, second), strict=True):
            if key not in results:
                return Comparison.impossible(f"{side} has none", **record)
        if floors is None:
            return Comparison.of(first[key], second[key], limit=0.0, **record)
        return Comparison.of(
            first[key], second[key], noise=floors.get(key, 0.0), largest=largest, alike=True,
            limit=self.limit, ceiling=MODEL_CEILING[self.dtype], **record,
        )  # fmt: skip


def _scale(value: Array | None) -> float:
    """The largest finite magnitude."""
    if value is None:
        return 0.0
    found = np.abs(value)
    return float(found.max(initial=0.0, where=np.isfinite(found)))


def _apart(a: Array | None, b: Array | None, scale: float) -> float:
    """The largest difference in units of the largest value; NaN for what cannot be told so simply."""
    if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype or not a.size:
        return math.nan
    with np.errstate(invalid="ignore", over="ignore"):
        error = float(np.abs(a - b).max())
    return error / scale if scale else error


def _order(one: Comparison) -> tuple[int, float]:
    """By what a step computes first; of one kind, the farthest apart first."""
    place = FORWARD.index(one.group) if one.group in FORWARD else len(FORWARD) + (one.group == "weights")
    return place, -np.inf if one.difference.problem else -one.difference.relative
