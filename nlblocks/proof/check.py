"""One tensor of two backends, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nlblocks.numerics.difference import Difference
from nlblocks.numerics.tolerance import EPSILON, LIMITS, RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison of one tensor between two backends, and the verdict on it."""

    group: str
    tensor: str
    mode: str
    inputs: str
    dtype: str
    pair: tuple[str, str]
    difference: Difference
    noise: float

    @property
    def floor(self) -> float:
        """The noise floor, at least half a unit in the last place of the largest value."""
        return max(self.noise, EPSILON[self.dtype] * self.difference.scale)

    @property
    def ratio(self) -> float:
        """The error in noise floors."""
        return self.difference.error / self.floor if self.floor else 0.0

    @property
    def zero(self) -> bool:
        """Whether the tensor is zero but for rounding, so that a relative error means nothing."""
        return self.difference.scale <= RATIO * self.noise

    @property
    def passed(self) -> bool:
        if self.difference.problem:
            return False
        within = self.dtype == "float64" and self.difference.relative <= LIMITS[self.group]
        return within or self.ratio <= RATIO

    @property
    def place(self) -> str:
        """Where this was compared, for people."""
        left, right = self.pair
        return f"{self.mode}, {self.dtype}, {self.inputs} inputs: {self.group} {self.tensor}, {left} against {right}"

    def explain(self) -> str:
        """One line: the place, the worst element, both values, and the size of the error."""
        found = self.difference
        if found.problem:
            return f"{self.place}: {found.problem}"
        (a, b), (left, right) = found.values, self.pair
        return (
            f"{self.place}: at {list(found.index)} {left} has {a:.17g}, {right} has {b:.17g}; "
            f"error {found.relative:.1e} of the largest value, {self.ratio:.3g} times the noise floor"
        )

    def to_dict(self) -> dict[str, Any]:
        found = self.difference
        return {
            "group": self.group, "tensor": self.tensor, "mode": self.mode, "inputs": self.inputs,
            "dtype": self.dtype, "pair": list(self.pair), "passed": self.passed, "problem": found.problem,
            "error": found.error, "scale": found.scale, "relative": found.relative, "noise": self.noise,
            "ratio": self.ratio, "zero": self.zero, "index": list(found.index), "values": list(found.values),
            "bits_equal": found.bits_equal, "bits_total": found.bits_total, "same": found.same, "size": found.size,
        }  # fmt: skip
