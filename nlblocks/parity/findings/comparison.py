"""One tensor of two models, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nlblocks.numerics.difference import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One tensor that both models computed."""

    phase: str
    group: str
    name: str
    dtype: str
    difference: Difference
    noise: float
    passed: bool
    accepted: bool = False

    @property
    def ratio(self) -> float:
        """The error in noise floors; 0 where the floor was not needed."""
        return self.difference.error / self.noise if self.noise else 0.0

    @property
    def words(self) -> str:
        """Where two tensors differ most, and both values there."""
        found, name = self.difference, f"{self.group} {self.name}".rstrip()
        if found.problem:
            return f"{name}: {found.problem}"
        return f"{name} at {list(found.index)}: {found.values[0]:.9g} on the left, {found.values[1]:.9g} on the right"

    def to_dict(self) -> dict[str, Any]:
        found = self.difference
        return {
            "phase": self.phase,
            "group": self.group,
            "name": self.name,
            "dtype": self.dtype,
            "passed": self.passed,
            "problem": found.problem,
            "relative": found.relative,
            "error": found.error,
            "scale": found.scale,
            "noise": self.noise,
            "ratio": self.ratio,
            "index": list(found.index),
            "values": list(found.values),
        }
