"""One tensor of two sides, and the verdict on it: the one record of the proof and of the lab."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.difference import Difference, gap, measure
from nlblocks.numerics.tolerance import EPSILON, RATIO, ZERO_CEILING


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One tensor that both sides of a ``pair`` owe, in one ``phase`` of what is compared.

    ``noise`` is what counts as rounding, in the tensor's own units, as nudges and what else is known measured it, at
    the element that is the most noise floors apart, and ``apart`` is the error there; None where none was asked for.
    ``limit`` is the relative difference that passes without asking; None in float32, which is judged by its noise
    alone. ``ceiling`` is the largest noise that judges anything, in units of the largest value. ``inputs`` says on what
    inputs, where there are several. ``explained`` names what a difference follows from, whole: causes that are said
    elsewhere. ``accepted`` tells that these are known and wanted: it does not pass, and is no fault. ``undecided`` says
    why a tensor could not be judged: it does not pass either, and is no fault.
    """

    phase: str
    group: str
    name: str
    dtype: str
    difference: Difference
    noise: float | None = None
    apart: float | None = None
    limit: float | None = None
    ceiling: float = math.inf
    pair: tuple[str, str] = ("left", "right")
    inputs: str = ""
    explained: tuple[str, ...] = ()
    accepted: bool = False
    undecided: str = ""

    def line(self) -> str:
        """Where this was compared, the worst element, both values, and the size of the error."""
        found, (left, right) = self.difference, self.pair
        place = f"{self.phase}, {self.dtype}, {self.inputs} inputs: {self.group} {self.name}, {left} against {right}"
        if found.problem:
            return f"{place}: {found.problem}"
        a, b = found.values
        return (
            f"{place}: at {list(found.index)} {left} has {a:.17g}, {right} has {b:.17g}; "
            f"error {found.relative:.1e} of the largest value, {self.ratio:.3g} times the noise floor"
        )

    @classmethod
    def of(
        cls, left: Array, right: Array, *, noise: float | Array | None = None, largest: float = 0.0,
        alike: bool = False, **record: Any,
    ) -> Comparison:  # fmt: skip
        """Two arrays, measured, and judged where there is ``noise``; ``record`` are the other fields.

        With ``alike``, NaN and infinity that both sides hold in the same places are no problem, and the rest is judged:
        a tensor that is NaN, or NaN and infinity, all over leaves nothing to judge.
        """
        measured = measure(left, right, noise=0.0 if noise is None else noise, alike=alike)
        if measured.nan and measured.nan + measured.infinite == measured.size:
            record["undecided"] = "it is NaN all over on both sides, or infinite"
        found = cls(difference=measured, **record)
        return found if noise is None or found.undecided else found.judged(left, right, noise, largest)

    def judged(self, left: Array, right: Array, noise: float | Array, largest: float = 0.0) -> Comparison:
        """The same arrays by their noise, one for all elements or each element's own.

        ``largest`` is the largest value in the tensor's group. Where an element would pass by a floor beyond the
        ceiling, and beyond what cancels in the group rounds to, nothing is judged.
        """
        if self.difference.problem or not left.size:
            return replace(self, noise=float(np.max(noise, initial=0.0)))
        errors, scale = gap(left, right).reshape(-1), self.difference.scale
        measured = np.broadcast_to(np.asarray(noise, np.float64), left.shape).reshape(-1)
        floors = np.maximum(measured, EPSILON[self.dtype] * scale)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratios = np.where(errors > 0, errors / floors, 0.0)
        open_ = errors > (self.limit or 0.0) * scale
        worst = int((np.where(open_, ratios, 0.0) if open_.any() else ratios).argmax())
        found = replace(self, noise=float(measured[worst]), apart=float(errors[worst]))
        judging = max(self.ceiling * scale, ZERO_CEILING[self.dtype] * largest)
        jumps = open_ & (errors > RATIO * EPSILON[self.dtype] * scale) & (floors > judging)
        if not found.passed or not jumps.any():
            return found
        return replace(found, undecided=f"one unit in the last place moves it by {_share(floors[jumps].max(), scale)}")

    @classmethod
    def impossible(cls, problem: str, **record: Any) -> Comparison:
        """Two tensors that cannot be compared, and why: a failure."""
        return cls(difference=Difference(problem=problem), **record)

    @property
    def floor(self) -> float:
        """The noise floor: ``noise``, but at least half a unit in the last place of the largest value; 0 if unknown."""
        return 0.0 if self.noise is None else max(self.noise, EPSILON[self.dtype] * self.difference.scale)

    @property
    def ratio(self) -> float:
        """The error in noise floors, where it is the most of them; 0 where the floor was not needed."""
        error = self.difference.error if self.apart is None else self.apart
        if self.noise is None or not error:
            return 0.0
        return error / self.floor if self.floor else math.inf

    @property
    def rounding(self) -> float:
        """The share of the largest value that rounding may move: RATIO floors; from 1 on the tensor is rounding."""
        scale = self.difference.scale
        return RATIO * self.floor / scale if scale else 1.0

    @property
    def zero(self) -> bool:
        """Whether the tensor is zero but for rounding, so that a relative error means nothing."""
        return self.rounding >= 1.0

    @property
    def passed(self) -> bool:
        """Whether the sides agree: within the limit, or within RATIO noise floors. What was not judged is no pass."""
        if self.difference.problem or self.undecided:
            return False
        within = self.limit is not None and self.difference.relative <= self.limit
        return within or (self.noise is not None and self.ratio <= RATIO)

    def to_dict(self) -> dict[str, Any]:
        """One tensor that both sides computed, JSON-ready; a complex value is its two parts."""
        found = self.difference
        return {
            "phase": self.phase,
            "group": self.group,
            "name": self.name,
            "dtype": self.dtype,
            "passed": self.passed,
            "explained": list(self.explained),
            "accepted": self.accepted,
            "undecided": self.undecided,
            "problem": found.problem,
            "relative": found.relative,
            "error": found.error,
            "scale": found.scale,
            "noise": self.floor,
            "ratio": self.ratio,
            "index": list(found.index),
            "values": [[v.real, v.imag] if isinstance(v, complex) else v for v in found.values],
        }


def _share(change: float, scale: float) -> str:
    return f"{change / scale:.0e} of its largest value" if scale else f"{change:.0e}"
