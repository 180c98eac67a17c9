"""What a verification found: an object that is true when all agree, prints itself, and becomes JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nlblocks.numerics import Comparison
from nlblocks.specs.base import BlockSpec, describe
from nlblocks.specs.inputs import Each, mapped, shape_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The checks of one spec. Nothing compared is a failure, not a pass."""

    spec: BlockSpec
    backends: tuple[str, ...]
    seed: int
    input_shape: Each
    checks: tuple[Comparison, ...]
    seconds: float

    def __bool__(self) -> bool:
        return bool(self.checks) and not self.failures

    @property
    def failures(self) -> list[Comparison]:
        """The checks that failed, in the order of the computation."""
        return [check for check in self.checks if not (check.passed or check.accepted)]

    def worst(self, group: str) -> tuple[float | None, bool]:
        """The largest relative float64 error of a group, and whether tensors that are zero but for rounding exceed it.

        Of these a relative error says nothing. Infinity stands for a problem, None for nothing compared.
        """
        checks = [c for c in self.checks if c.group == group and c.dtype == "float64"]
        errors = [
            (float("inf") if c.difference.problem else c.difference.relative, c.passed and c.zero) for c in checks
        ]
        found = max((error for error, zero in errors if not zero), default=0.0 if errors else None)
        return found, any(zero and error > (found or 0.0) for error, zero in errors)

    def worst_ratio(self, dtype: str = "float32") -> float | None:
        """The largest error in noise floors among the checks in ``dtype``."""
        checks = [c for c in self.checks if c.dtype == dtype]
        if not checks:
            return None
        return max(float("inf") if c.difference.problem else c.ratio for c in checks)

    def bits(self, group: str | None = None) -> float | None:
        """The share of all float64 elements (of a group) that are equal bit for bit after rounding to float32.

        On distinct inputs only: the round numbers of the tied ones lie halfway between two float32 values. A gradient
        that is zero but for rounding counts like any other, and is hardly ever equal.
        """
        found = [c.difference for c in self._rounded() if group in (None, c.group)]
        size = sum(d.size for d in found)
        return sum(d.same for d in found) / size if size else None

    def determined_bits(self) -> tuple[float | None, float]:
        """The same share among the elements whose rounding the noise floor leaves determined, and their own share."""
        found = [c.difference for c in self._rounded()]
        size, total = sum(d.size for d in found), sum(d.bits_total for d in found)
        return (sum(d.bits_equal for d in found) / total if total else None), (total / size if size else 0.0)

    def _rounded(self) -> list[Comparison]:
        return [c for c in self.checks if c.dtype == "float64" and c.inputs == "distinct" and c.group != "derivative"]

    def __str__(self) -> str:
        head = f"{describe(self.spec)} on {shape_text(self.input_shape)}, {', '.join(self.backends)}"
        if not self.checks:
            return f"{head}: NOTHING WAS COMPARED"
        if self:
            bits = self.bits()
            share = "" if bits is None else f", {bits:.4%} of the elements equal after rounding to float32"
            return f"{head}: identical ({len(self.checks)} comparisons{share})"
        count = f"{len(self.failures)} of {len(self.checks)} comparisons"
        return f"{head}: DIFFERENT in {count}. First: {self.failures[0].line()}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready."""
        return {
            "spec": self.spec.to_dict(),
            "name": describe(self.spec),
            "agree": bool(self),
            "backends": list(self.backends),
            "seed": self.seed,
            "input_shape": mapped(list, self.input_shape),
            "seconds": self.seconds,
            "first_failure": self.failures[0].line() if self.failures else None,
            "bits": self.bits(),
            "determined_bits": self.determined_bits()[0],
            "determined_share": self.determined_bits()[1],
            "checks": [_row(check) for check in self.checks],
        }


def all_agree(reports: Iterable[Report]) -> bool:
    """Whether there is at least one report and every one is true."""
    found = list(reports)
    return bool(found) and all(found)


def _row(check: Comparison) -> dict[str, Any]:
    """A check as JSON."""
    found = check.difference
    return {
        "group": check.group, "tensor": check.name, "mode": check.phase, "inputs": check.inputs,
        "dtype": check.dtype, "pair": list(check.pair), "passed": check.passed, "accepted": check.accepted,
        "undecided": check.undecided, "problem": found.problem,
        "error": found.error, "scale": found.scale, "relative": found.relative, "noise": check.noise,
        "ratio": check.ratio, "zero": check.zero, "index": list(found.index), "values": list(found.values),
        "bits_equal": found.bits_equal, "bits_total": found.bits_total, "same": found.same, "size": found.size,
    }  # fmt: skip
