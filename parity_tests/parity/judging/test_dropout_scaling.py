"""Dropout that scales in evaluation, written out in the other framework: judged by its values, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

SHARE = 0.2


class Left(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(6, 5), paddle.nn.Linear(5, 3)
        self.drop = paddle.nn.Dropout(SHARE, mode="downscale_in_infer")

    def forward(self, x: Any) -> Any:
        return self.b(self.drop(self.a(x)))


class Right(torch.nn.Module):
    def __init__(self, training: float, evaluation: float) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(6, 5), torch.nn.Linear(5, 3)
        self.scales = training, evaluation

    def forward(self, x: Any) -> Any:
        y = torch.nn.functional.dropout(self.a(x), SHARE, self.training)
        return self.b(y * self.scales[0 if self.training else 1])


@pytest.mark.parametrize(
    ("training", "evaluation", "verdict"),
    [
        (1 - SHARE, 1 - SHARE, "same"), (1.0, 1.0, "different"), (1.0, 1 - SHARE, "different"),
        (1 - SHARE, 1.0, "different"),
    ],
)  # fmt: skip
def test_both_scales_must_be_right(training: float, evaluation: float, verdict: str) -> None:
    report = parity.compare(Left(), Right(training, evaluation), (8, 6), steps=0)
    assert report.verdict == verdict, report
