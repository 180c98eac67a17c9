"""One tensor of two sides, and the verdict on it: the one record of the proof and of the lab."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nlblocks.backend import Array
from nlblocks.numerics.difference import Difference, measure
from nlblocks.numerics.tolerance import EPSILON, RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One tensor that both sides of a ``pair`` owe, in one ``phase`` of what is compared.

    ``noise`` is what counts as rounding of this tensor, in its own units, as nudges and what else is known measured
    it; None where none was asked for. ``limit`` is the relative difference that passes without asking; None in
    float32, which is judged by its noise alone. ``inputs`` says on what inputs, where there are several. ``accepted``
    marks a difference that is known and wanted, or said elsewhere: it does not pass, and is no fault. ``undecided``
    says why a tensor could not be judged: it does not pass either, and is no fault.
    """

    phase: str
    group: str
    name: str
    dtype: str
    difference: Difference
    noise: float | None = None
    limit: float | None = None
    pair: tuple[str, str] = ("left", "right")
    inputs: str = ""
    accepted: bool = False
    undecided: str = ""

    @classmethod
    def of(cls, left: Array, right: Array, *, noise: float | None = None, **record: Any) -> Comparison:
        """Two arrays, measured; ``record`` are the other fields."""
        return cls(difference=measure(left, right, noise=noise or 0.0), noise=noise, **record)

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
        """The error in noise floors; 0 where the floor was not needed."""
        if self.noise is None or not self.difference.error:
            return 0.0
        return self.difference.error / self.floor if self.floor else math.inf

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
        return within or (self.noise is not None and self.difference.error <= RATIO * self.floor)
