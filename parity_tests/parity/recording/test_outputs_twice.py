"""A tensor that a model returns twice takes the gradients of both outputs."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402


class Twice(torch.nn.Module):
    """Its last state, and all of them; ``copied`` makes the second another tensor of the same values."""

    def __init__(self, copied: bool = False) -> None:
        super().__init__()
        self.fc, self.copied = torch.nn.Linear(6, 6), copied

    def forward(self, x: Any) -> Any:
        y = torch.tanh(self.fc(x))
        return y, [x * 1.0, y.clone() if self.copied else y]


class PaddleTwice(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        y = paddle.tanh(self.fc(x))
        return y, [x * 1.0, y]


@pytest.mark.parametrize("copied", [False, True])
def test_it_trains_like_two_tensors_of_the_same_values(copied: bool) -> None:
    report = parity.compare(PaddleTwice(), Twice(copied=copied), (4, 6), optimiser="sgd", steps=2)
    assert report, str(report)
    assert {"backward", "float32 train"} <= {c.phase for c in report.comparisons}


def test_its_gradient_is_that_of_both_outputs() -> None:
    class Once(Twice):
        def forward(self, x: Any) -> Any:
            y, (x, _) = super().forward(x)
            return y, [x, y.detach()]

    report = parity.compare(PaddleTwice(), Once(), (4, 6))
    assert {c.phase for c in report.comparisons if not c.passed} == {"backward"}
