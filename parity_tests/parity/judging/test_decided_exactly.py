"""Decisions that fall otherwise in float32 alone: by rounding they are no fault, and they excuse nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.numerics.tolerance import MORE_NUDGES, NUDGES  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402

ROWS = np.repeat(np.random.default_rng(0).normal(size=(16, 1)), 7, axis=1).astype(np.float32)
"""Rows of seven equal numbers: their mean is each of them in float64, and in float32 above or below some."""
Features = Callable[[Any, Any, bool], Any]
"""(input, features, whether this is float32) → features."""


class Left(torch.nn.Module):
    def __init__(self, then: Features) -> None:
        super().__init__()
        self.a, self.b, self.then = torch.nn.Linear(7, 7), torch.nn.Linear(7, 3), then

    def forward(self, x: Any) -> Any:
        y = self.then(x, torch.tanh(self.a(x)), x.dtype == torch.float32)
        return {"out": self.b(torch.relu(y)), "positive": y > 0.1}


class Right(paddle.nn.Layer):
    def __init__(self, then: Features) -> None:
        super().__init__()
        self.a, self.b, self.then = paddle.nn.Linear(7, 7), paddle.nn.Linear(7, 3), then

    def forward(self, x: Any) -> Any:
        y = self.then(x, paddle.tanh(self.a(x)), x.dtype == paddle.float32)
        return {"out": self.b(paddle.nn.functional.relu(y)), "positive": y > 0.1}


def numbers(found: Any, x: Any) -> Any:
    return found.to(x.dtype) if isinstance(x, torch.Tensor) else found.astype(x.dtype)


def share(x: Any) -> Any:
    return numbers(x >= x.mean(-1, keepdim=True), x)


def kept(x: Any, y: Any, single: bool) -> Any:
    """All of it, as float64 has it; in float32 rows are lost whose mean is rounded up."""
    return y * share(x)


def dropped(x: Any, y: Any, single: bool) -> Any:
    return y


def coarse(x: Any, far: float) -> Any:
    """Which of the numbers are at least that of the first row, or less by no more than float32 holds so far out."""
    return numbers((x + far) - far >= float(ROWS[0, 0]), x)


FAULTS: dict[str, tuple[Features, Features]] = {
    "another factor": (kept, lambda x, y, single: y * 1.0001 if single else y),
    "an operation less": (lambda x, y, single: y.abs() * share(x), lambda x, y, single: y if single else y.abs()),
    "another rule at ties": (
        lambda x, y, single: y * numbers(x + 1e-9 >= x, x), lambda x, y, single: y * numbers(x + 1e-9 > x, x)
    ),
    "a decision on what has lost precision": (
        lambda x, y, single: y * coarse(x, 0.0), lambda x, y, single: y * coarse(x, 3e4)
    ),
}  # fmt: skip
"""What both sides do, and differ by in float32 alone."""


@pytest.mark.parametrize("pair", [(kept, dropped), (dropped, kept), (kept, kept)])
def test_a_decision_that_float32_makes_otherwise_is_said_and_is_no_fault(pair: tuple[Features, Features]) -> None:
    report = parity.compare(Left(pair[0]), Right(pair[1]), ROWS)
    assert report.verdict == "same", report
    notes = [f.explanation for f in report.findings if "as in float64" in f.explanation]
    assert len(notes) == 2 * (pair[0] is not pair[1]), report
    assert all("greater_equal" in note for note in notes)


def test_more_nudges_are_made_only_where_such_decisions_do_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, noise = list[int](), Subject.noise

    def noted(self: Any, *, trials: Any, **how: Any) -> Any:
        asked.extend(trials)
        return noise(self, trials=trials, **how)

    monkeypatch.setattr(Subject, "noise", noted)
    assert parity.compare(Left(kept), Right(dropped), ROWS).verdict == "same"
    assert max(asked) < NUDGES
    assert parity.compare(Left(kept), Right(FAULTS["another factor"][1]), ROWS).verdict == "different"
    assert max(asked) == MORE_NUDGES - 1


@pytest.mark.parametrize("fault", FAULTS)
def test_what_float32_shows_beside_such_a_decision_is_a_fault(fault: str) -> None:
    left, right = FAULTS[fault]
    report = parity.compare(Left(left), Right(right), ROWS)
    assert report.verdict == "different", report
    assert {c.phase for c in report.comparisons if not (c.passed or c.accepted)} <= {"float32", "float32 train"}
