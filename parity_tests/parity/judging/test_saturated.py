"""Where a function stands still its last digit is the kernel's, and so is all of its gradient: that is rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402


class Left(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.b(torch.tanh(6.0 + torch.sigmoid(self.a(x))))


class Right(paddle.nn.Layer):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.a, self.b, self.factor = paddle.nn.Linear(6, 8), paddle.nn.Linear(8, 3), factor

    def forward(self, x: Any) -> Any:
        y = 6.0 + paddle.nn.functional.sigmoid(self.a(x))
        if y.dtype == paddle.float32:
            y = y * self.factor
        return self.b(paddle.tanh(y))


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "same"), (1.1, "different")])
def test_the_last_digit_of_what_stands_still_is_rounding(factor: float, verdict: str) -> None:
    x = np.random.default_rng(0).normal(size=(16, 6))
    report = parity.compare(Left(), Right(factor), x)
    assert report.verdict == verdict, report


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "same"), (1.5, "different")])
def test_the_last_digit_of_1_is_all_that_a_loss_near_nothing_has(scale: float, verdict: str) -> None:
    """Scores of 7 and 0: the loss is log(1 + e^-7), of which float32 keeps four digits."""

    class Torch(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(3, 3)

        def forward(self, x: Any, y: Any) -> Any:
            return torch.nn.functional.cross_entropy(7.0 * x + 1e-3 * torch.tanh(self.a(x)), y)

    class Paddle(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.a = paddle.nn.Linear(3, 3)

        def forward(self, x: Any, y: Any) -> Any:
            found = paddle.nn.functional.cross_entropy(7.0 * x + 1e-3 * paddle.tanh(self.a(x)), y)
            return found * scale if found.dtype == paddle.float32 else found

    report = parity.compare(Torch(), Paddle(), (np.eye(3), np.arange(3)))
    assert report.verdict == verdict, report
