"""Some calls cannot be told a constant: the search over what is given ends, and nothing is said to be the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.judging.substitutions import Substitutions  # noqa: E402

BOUND = 0.1


class Left(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.clamp(x, min=BOUND)


class Right(paddle.nn.Layer):
    def forward(self, x: Any) -> Any:
        return paddle.clip(x, min=float(np.float32(BOUND)))


def test_a_constant_that_changes_nothing_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parity.compare(Left(), Right(), (4, 6)), "it is one number in float32"
    monkeypatch.setattr(Substitutions, "given", lambda self, left: None)
    report = parity.compare(Left(), Right(), (4, 6))
    assert report.verdict == "different", report
    assert report.not_compared, report
