"""Constants that are one number in float32 are one, wherever they scale; all that hangs on them is judged as ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.tracing.vocabulary import one_in_float32  # noqa: E402

LEFT, RIGHT = 0.0736842080950737, 0.0736842155456543
"""The fifteenth of twenty numbers from 0 to 0.1 by torch's linspace and by Paddle's."""


def masked(y: Any, rate: float) -> Any:
    keep = 1 - rate
    return y * y.new_empty((len(y), 1)).bernoulli_(keep).div_(keep)


def floored(y: Any, rate: float) -> Any:
    keep = paddle.full([], 1 - rate, y.dtype)
    return y.divide(keep) * paddle.floor(keep + paddle.rand([len(y), 1], y.dtype))


def floored_by_number(y: Any, rate: float) -> Any:
    return paddle.floor(1 - rate + paddle.rand([len(y), 1], y.dtype)) * y / (1 - rate)


def floored_and_detached(y: Any, rate: float) -> Any:
    y = floored(y, rate)
    return y * 0.5 + y.detach() * 0.5


class Left(torch.nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.a, self.norm, self.rate = torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), rate

    def middle(self, y: Any) -> Any:
        return masked(y, self.rate) if self.training else y

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        return self.norm(y + self.middle(y))


class Right(paddle.nn.Layer):
    def __init__(self, drop: Any, rate: float, momentum: float = 0.9) -> None:
        super().__init__()
        self.a, self.norm = paddle.nn.Linear(6, 5), paddle.nn.BatchNorm1D(5, momentum)
        self.drop, self.rate = drop, rate

    def middle(self, y: Any) -> Any:
        return self.drop(y, self.rate) if self.training else y

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        return self.norm(y + self.middle(y))


def compared(left: Any, right: Any) -> Any:
    return parity.compare(left, right, (8, 6), accept=["batch_norm.variance"])


@pytest.mark.parametrize("drop", [floored, floored_by_number])
def test_a_rate_that_one_linspace_rounds_otherwise_is_one(drop: Any) -> None:
    report = compared(Left(LEFT), Right(drop, RIGHT))
    assert report, report
    (note,) = [f for f in report.findings if f.cause == "scale.factor"]
    assert (note.severity, "one number in float32" in note.explanation) == ("note", True)
    assert compared(Left(LEFT), Right(drop, LEFT)), "the same rate"


@pytest.mark.parametrize("rate", [0.07369, LEFT + 2 * float(np.spacing(np.float32(LEFT)))])
def test_a_rate_that_differs_is_a_factor(rate: float) -> None:
    report = compared(Left(LEFT), Right(floored, rate))
    assert (report.verdict, report.finding.cause) == ("different", "scale.factor"), report


def test_what_hangs_on_it_is_judged() -> None:
    report = compared(Left(LEFT), Right(floored_and_detached, RIGHT))
    assert (report.verdict, report.finding.phase) == ("different", "backward"), report
    report = compared(Left(LEFT), Right(floored, RIGHT, momentum=0.9 - 2e-6))
    assert (report.verdict, report.finding.cause) == ("different", "batch_norm.momentum"), report


class Scaled(Left):
    def middle(self, y: Any) -> Any:
        return y * self.rate


class ScaledRight(Right):
    def middle(self, y: Any) -> Any:
        return y / self.rate


@pytest.mark.parametrize(
    ("divisor", "verdict"), [(float(np.float32(1 / 0.3)), "same"), (1 / 0.3 * (1 + 2e-8), "different")]
)
def test_a_factor_and_what_is_divided_by(divisor: float, verdict: str) -> None:
    report = compared(Scaled(0.3), ScaledRight(None, divisor))
    assert report.verdict == verdict, report


class Floored(Left):
    def middle(self, y: Any) -> Any:
        return torch.clamp(y, min=self.rate)


class FlooredRight(Right):
    def middle(self, y: Any) -> Any:
        return paddle.clip(y, min=self.rate)


@pytest.mark.parametrize(
    ("bounds", "verdict"), [((0.0, 1e-8), "different"), ((1e-8, 0.0), "different"), ((LEFT, RIGHT), "same")]
)
def test_a_bound_is_held_as_itself(bounds: tuple[float, float], verdict: str) -> None:
    report = compared(Floored(bounds[0]), FlooredRight(None, bounds[1]))
    assert report.verdict == verdict, report


def test_one_number_in_float32() -> None:
    a = np.float32(0.7)
    one, next_one, third = (float(n) for n in (a, np.nextafter(a, np.float32(1)), a + 2 * np.spacing(a)))
    same = [(0.7, one), (one, next_one), (1 - one, 1 - next_one), (0.0, 1e-8)]
    assert all(one_in_float32(*pair, scales=True) for pair in same)
    others = [(one, third), (0.7, 0.7 + 1e-9), (0.7, third)]
    assert not any(one_in_float32(*pair, scales=True) for pair in others)
    assert one_in_float32(0.7, one, scales=False)
    assert not one_in_float32(0.0, 1e-8, scales=False)
