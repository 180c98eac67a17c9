"""How paired tensors are initialised, as two models that were just built hold them: mean, deviation, and a guess.

A guess is said only where the values tell it: few values tell little, and of many a difference by chance is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.parity.pairing.units import Ref

FEWEST = 64
"""Values from which on their distribution is guessed."""
CHANCE = 6.0
"""Standard errors that two draws of one initialiser may be apart: of a million tensors none goes beyond by chance."""
DISTRIBUTIONS = {
    "uniform": (1.80, 1.15, 1.74), "truncated normal": (2.37, 2.0, 2.3), "normal": (3.0, 4.9, math.inf),
}  # fmt: skip
"""By kind: its fourth moment in squares of the variance, the standard error of that times the root of the count, and
how many deviations off the mean a value may be. The truncated one is cut at two deviations of what it is cut from."""
ORTHOGONAL = 1e-4
"""How far the products of the rows of a matrix may be from 0, of their squares: it is made in float32."""


@dataclass(frozen=True, slots=True)
class Held:
    """The values of one tensor: ``kind`` is "zeros", "ones", "constant", "uniform", "normal", ... or "" for no guess.

    ``rule`` is the initialiser that has this kind and deviation for a weight of this size, "" where none is known.
    """

    kind: str
    mean: float
    deviation: float
    count: int
    rule: str = ""

    def __str__(self) -> str:
        words = self.kind or "values"
        if self.kind in ("zeros", "ones"):
            return words
        if self.kind == "constant":
            return f"constant {self.mean:.4g}"
        mean = f"mean {self.mean:.2g}, " if abs(self.mean) > CHANCE * self.error else ""
        return f"{words}, {mean}deviation {self.deviation:.3g}{f' ({self.rule})' if self.rule else ''}"

    @property
    def constant(self) -> bool:
        return self.deviation == 0.0

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.deviation / math.sqrt(self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialRow:
    """A pair of tensors by name, what both hold, and whether that is more than two draws of one initialiser."""

    left: str
    right: str
    role: str
    on_left: Held
    on_right: Held
    differs: bool

    @classmethod
    def of(cls, mine: Ref, theirs: Ref, role: str, states: tuple[State, State]) -> InitialRow:
        a, b = _held(mine, states[0]), _held(theirs, states[1])
        return cls(left=str(mine), right=str(theirs), role=role, on_left=a, on_right=b, differs=_differ(a, b))

    def to_dict(self) -> dict[str, Any]:
        """The fields, and both in words, JSON-ready."""
        return {**asdict(self), "words": [str(self.on_left), str(self.on_right)]}

    def __str__(self) -> str:
        return f"{self.on_left} on the left, {self.on_right} on the right"


def _held(ref: Ref, state: State) -> Held:
    found = np.asarray(ref.read(state))
    values = np.asarray(np.stack([found.real, found.imag]) if np.iscomplexobj(found) else found, np.float64)
    mean, deviation = float(values.mean()), float(values.std())
    if not values.size or (values == values.flat[0]).all():
        value = float(values.flat[0]) if values.size else 0.0
        return Held({0.0: "zeros", 1.0: "ones"}.get(value, "constant"), value, 0.0, values.size)
    kind = _kind(values, mean, deviation)
    return Held(kind, mean, deviation, values.size, _rule(kind, deviation, values.size, ref.shape))


def _kind(values: Array, mean: float, deviation: float) -> str:
    """The distribution that these values may be of, and no other that is known here."""
    if values.size < FEWEST or not math.isfinite(deviation):
        return ""
    flat = values.reshape(values.shape[0], -1)
    if values.ndim > 1 and min(flat.shape) > 1 and _orthogonal(flat):
        return "orthogonal"
    fourth = float(((values - mean) ** 4).mean()) / deviation**4
    beyond, error = float(np.abs(values - mean).max()) / deviation, CHANCE / math.sqrt(values.size)
    may = [
        kind for kind, (moment, spread, most) in DISTRIBUTIONS.items()
        if abs(fourth - moment) <= spread * error and beyond <= most * (1 + error)
    ]  # fmt: skip
    return may[0] if len(may) == 1 else ""


def _orthogonal(matrix: Array) -> bool:
    rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    products = rows @ rows.T
    squares = np.diag(products)
    return bool(np.abs(products - np.diag(squares)).max() <= ORTHOGONAL * squares.max()) and bool(
        np.ptp(squares) <= ORTHOGONAL * squares.max()
    )


RULES: tuple[tuple[str, str, Callable[[float, float], float]], ...] = (
    ("uniform", "Kaiming by fan-in, a=√5", lambda fan_in, fan_out: 1 / math.sqrt(3 * fan_in)),
    ("uniform", "Xavier", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    ("normal", "Xavier", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    ("normal", "Kaiming by fan-in", lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    ("uniform", "Kaiming by fan-in", lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    ("normal", "Kaiming by fan-out", lambda fan_in, fan_out: math.sqrt(2 / fan_out)),
    ("normal", "LeCun", lambda fan_in, fan_out: 1 / math.sqrt(fan_in)),
)
"""Kinds, names and deviations of initialisers in use, by the numbers of inputs and outputs of a weight."""


ALIKE_RULES = 2
"""So many rules may be named for one deviation: they are the same where a layer has as many outputs as inputs."""


def _rule(kind: str, deviation: float, count: int, shape: Sequence[int]) -> str:
    """The rules that have this deviation; "" for none, or many."""
    if len(shape) < 2 or not kind:
        return ""
    window = math.prod(shape[2:])
    fans = shape[1] * window, shape[0] * window
    near = CHANCE / math.sqrt(2 * count)
    found = [name for own, name, rule in RULES if own == kind and abs(deviation / rule(*fans) - 1) < near]
    return " or ".join(found) if len(found) <= ALIKE_RULES else ""


def _differ(a: Held, b: Held) -> bool:
    """Whether two tensors hold more than two draws of one initialiser would differ by."""
    if a.constant or b.constant:
        return (a.constant, b.constant, a.mean) != (b.constant, a.constant, b.mean)
    if a.kind and b.kind and a.kind != b.kind:
        return True
    spread = CHANCE * math.sqrt(1 / (2 * a.count) + 1 / (2 * b.count))
    if abs(math.log(a.deviation / b.deviation)) > spread:
        return True
    return abs(a.mean - b.mean) > CHANCE * math.hypot(a.error, b.error)
