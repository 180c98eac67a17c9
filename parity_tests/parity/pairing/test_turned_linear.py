"""A square linear weight that one side alone uses the other way round than its layer keeps it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

SHAPE = (3, 6)


class Left(torch.nn.Module):
    """``way``: "" as torch's layer does, "turned", or "raw": a parameter that is no layer's."""

    def __init__(self, way: str = "") -> None:
        super().__init__()
        self.way, self.fc = way, torch.nn.Linear(6, 6)
        self.out = torch.nn.Linear(6, 2)
        if way == "raw":
            self.raw = torch.nn.Parameter(torch.randn(6, 6))
            del self.fc

    def forward(self, x: Any) -> Any:
        if self.way == "raw":
            return self.out(torch.tanh(x @ self.raw))
        weight = self.fc.weight.t() if self.way == "turned" else self.fc.weight
        return self.out(torch.tanh(torch.nn.functional.linear(x, weight, self.fc.bias)))


class Right(paddle.nn.Layer):
    def __init__(self, way: str = "", bias: bool = True) -> None:
        super().__init__()
        self.way, self.fc = way, paddle.nn.Linear(6, 6, bias_attr=None if bias else False)
        self.out = paddle.nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        weight = self.fc.weight.t() if self.way == "turned" else self.fc.weight
        return self.out(paddle.tanh(paddle.nn.functional.linear(x, weight, self.fc.bias)))


@pytest.mark.parametrize(("left", "right"), [("turned", ""), ("", "turned")])
def test_turned_on_one_side_it_is_a_fault_in_its_place(left: str, right: str) -> None:
    report = parity.compare(Left(left), Right(right), SHAPE)
    assert report.verdict == "different", report
    assert report.finding.cause == "linear.transposed"
    assert report.finding.layer_left == report.finding.layer_right == "fc"


@pytest.mark.parametrize(
    ("left", "right", "bias"),
    [("", "", True), ("turned", "turned", True), ("raw", "", False), ("raw", "turned", False)],
)
def test_used_alike_or_of_no_layer_it_is_none(left: str, right: str, bias: bool) -> None:
    report = parity.compare(Left(left), Right(right, bias), SHAPE)
    assert report.verdict == "same", report


class Kept(paddle.nn.Layer):
    """With a layer that keeps its weight as torch's does, beside one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.out = paddle.compat.nn.Linear(6, 6), paddle.nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        return self.out(paddle.tanh(self.fc(x)))


def test_a_layer_that_keeps_it_otherwise_uses_it_as_it_keeps_it() -> None:
    report = parity.compare(Left(), Kept(), SHAPE)
    assert report.verdict == "same", report


def test_turned_inside_of_the_layer_it_is_a_fault_too() -> None:
    right = Right()
    left = Left()
    left.fc.forward = lambda x: torch.nn.functional.linear(x, left.fc.weight.t(), left.fc.bias)  # type: ignore[method-assign]
    left.forward = lambda x: left.out(torch.tanh(left.fc(x)))  # type: ignore[method-assign]
    report = parity.compare(left, right, SHAPE)
    assert report.verdict == "different", report
    assert report.finding.cause == "linear.transposed"
