"""Whether a step is the same on both sides: every tensor by what nudges of one unit in the last place make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array, DType
from nlblocks.numerics import Comparison, NoiseFloor
from nlblocks.numerics.tolerance import EPSILON, MODEL_CEILING, MODEL_LIMIT, MORE_NUDGES, NUDGES, RATIO, SUMS
from nlblocks.training.lockstep.plan import FORWARD, Key, Moved, Results

Nudge = Callable[[int], Moved]
"""What is left behind by the nudged run of a trial."""
Base = Callable[[int], Results]
"""What a side's nudged runs are held against: the same without the nudge, taken in the same way."""
Floors = dict[Key, Array]
LIMIT = {"float64": MODEL_LIMIT, "float32": 0.0}
"""The relative difference that passes without asking: none does in float32."""
EASY = {"float64": MODEL_LIMIT, "float32": RATIO * EPSILON["float32"]}
"""The relative difference that passes whatever nudges do: in float32 the least that a noise floor can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Two results that must be one but for rounding, and who computed them.

    What rounding is, the nudged runs of both sides tell, the larger of them; where both results are an ``own`` of one
    side, those of the other, for a side that loses precision must not excuse itself by it. A gradient that is zero but
    for rounding is judged by both: one kernel may happen to compute it exactly.
    """

    left: Results
    right: Results
    pair: tuple[str, str]
    own: int | None = None

    @property
    def all(self) -> Iterable[Key]:
        """What either side has."""
        return {**self.left, **self.right}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The comparisons of one step.

    ``floors`` are those of tensors for which nudged runs were taken, by precision and in the tensors' own units.
    """

    step: int
    judged: list[Comparison] = field(default_factory=list)
    floors: dict[tuple[str, Key], Array] = field(default_factory=dict)

    def __add__(self, more: Verdicts) -> Verdicts:
        return Verdicts(self.step, self.judged + more.judged, {**self.floors, **more.floors})

    @property
    def failing(self) -> list[Comparison]:
        """What differs, in the order in which a step computes it."""
        return sorted((one for one in self.judged if not one.passed and not one.undecided), key=_order)

    @property
    def open(self) -> list[Comparison]:
        """What could not be judged."""
        return [one for one in self.judged if one.undecided and not _at_a_threshold(one)]

    @property
    def tied(self) -> list[Comparison]:
        """Gradients that could not be judged in float32, of which float64 is the judge."""
        return [one for one in self.judged if one.undecided and _at_a_threshold(one)]


def judge(step: int, dtype: DType, claims: Sequence[Claim], base: Base, nudge: Nudge) -> Verdicts:
    """All tensors of each claim, by the floors of nudged runs around their base.

    What is within the limit is the same, whatever nudges do to it: of each group the farthest apart stands for all.
    Nudged runs are taken where something is beyond, and as many as it takes: a few may not show what rounding does.
    """
    asked = [_asked(claim, EASY[dtype]) for claim in claims]
    moved: list[Moved] = []
    sides: dict[int, Floors] = {}
    wanted = NUDGES if any(beyond for _, beyond in asked) else 0
    while True:
        if len(moved) < wanted:
            moved += [nudge(trial) for trial in range(len(moved), wanted)]
            sides = _floors({key for keys, _ in asked for key in keys}, base, moved)
        found = Verdicts(step)
        for claim, (keys, _) in zip(claims, asked, strict=True):
            for key, largest in keys.items():
                floor = _floor(key, claim, sides, largest)
                one = _compare(step, dtype, key, claim, floor, largest)
                found.judged.append(_put_right(one, key, claim, floor, largest, moved))
                if floor is not None:
                    found.floors[dtype, key] = floor
        doubtful = found.failing and not any(one.difference.problem for one in found.failing)
        if not doubtful or wanted >= MORE_NUDGES:
            return found
        wanted = min(2 * wanted, MORE_NUDGES)


def exact(step: int, dtype: DType, claim: Claim) -> list[Comparison]:
    """What both sides must be given to the bit, where it differs."""
    found = [_compare(step, dtype, key, claim) for key in claim.all]
    return sorted((one for one in found if not one.passed), key=_order)


def _asked(claim: Claim, easy: float) -> tuple[dict[Key, float], bool]:
    """The tensors to be judged, with the largest value in the group of each, and whether some are not ``easy``."""
    scales = {key: max(_scale(side.get(key)) for side in (claim.left, claim.right)) for key in claim.all}
    largest: dict[str, float] = {}
    farthest: dict[str, tuple[float, Key]] = {}
    beyond: list[Key] = []
    for key, scale in scales.items():
        group = key[0]
        largest[group] = max(largest.get(group, 0.0), scale)
        apart = _apart(claim.left.get(key), claim.right.get(key), scale)
        if apart <= easy:
            farthest[group] = max(farthest.get(group, (-1.0, key)), (apart, key))
        else:
            beyond.append(key)
    asked = dict.fromkeys((*beyond, *(key for _, key in farthest.values())))
    return {key: largest[key[0]] for key in asked}, bool(beyond)


def _floors(keys: Iterable[Key], base: Base, nudged: Sequence[Moved]) -> dict[int, Floors]:
    """The noise floors of some tensors, of each side that has nudged runs."""
    sides = {one.side for one in nudged}
    plain, shuffled = ({side: NoiseFloor(base(side)) for side in sides} for _ in range(2))
    for one in nudged:
        floor = (shuffled if one.shuffled else plain)[one.side]
        floor.add_all({key: one.results[key] for key in keys if key in one.results})
    for few, more in zip(plain.values(), shuffled.values(), strict=True):
        for key, reordered in more.floors.items():
            own = few.floors[key]
            few.floors[key] = np.maximum(own, np.minimum(reordered, SUMS * own.max()))
    return {side: floor.floors for side, floor in plain.items()}


def _floor(key: Key, claim: Claim, sides: Mapping[int, Floors], largest: float) -> Array | None:
    """The noise floor that judges a tensor of a claim, where nudged runs have been taken."""
    zero = key[0] == "gradients" and _scale(claim.right.get(key)) <= MODEL_LIMIT * largest
    floors = [sides[side] for side in ((0, 1) if zero or claim.own is None else (1 - claim.own,)) if side in sides]
    found = NoiseFloor.larger(*({key: one[key]} for one in floors if key in one)).get(key)
    return None if found is None else NoiseFloor.smoothed(found)


def _compare(
    step: int, dtype: DType, key: Key, claim: Claim, floor: Array | None = None, largest: float | None = None
) -> Comparison:
    """One tensor of a claim, exactly unless the ``largest`` value of its group is given."""
    group, name = key
    record: dict[str, Any] = {
        "phase": f"step {step}", "group": group, "name": name, "dtype": dtype, "pair": claim.pair
    }  # fmt: skip
    for side, results in zip(claim.pair, (claim.left, claim.right), strict=True):
        if key not in results:
            return Comparison.impossible(f"{side} has none", **record)
    if largest is None:
        return Comparison.of(claim.left[key], claim.right[key], limit=0.0, **record)
    return Comparison.of(
        claim.left[key], claim.right[key], noise=0.0 if floor is None else floor, largest=largest, alike=True,
        limit=LIMIT[dtype], ceiling=MODEL_CEILING[dtype], **record,
    )  # fmt: skip


def _put_right(
    one: Comparison, key: Key, claim: Claim, floor: Array | None, largest: float, moved: Sequence[Moved]
) -> Comparison:
    """The comparison, left open where a nudge puts a side's own gradient right: it fell on the other side of a ReLU.

    One that loses precision is as far off in every nudged run.
    """
    if one.passed or one.undecided or one.difference.problem or key[0] != "gradients" or claim.own is None:
        return one
    for run in moved:
        if run.side == claim.own:
            nudged = replace(claim, left={key: run.results[key].astype(np.float64)})
            if _compare(0, "float32", key, nudged, floor, largest).passed:
                return replace(one, undecided="one unit in the last place puts it right")
    return one


def _at_a_threshold(one: Comparison) -> bool:
    """A finite float32 gradient: a ReLU or a maximum falls on either side of what rounding cannot tell."""
    return one.dtype == "float32" and one.group == "gradients" and not one.difference.nan


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
