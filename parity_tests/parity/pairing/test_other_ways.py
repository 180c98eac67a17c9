"""Layers that one way of running uses and the other does not: their weights are moved all the same."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capture import capture, compare_captures  # noqa: E402

SHAPE = (2, 3, 6, 6)


class Left(torch.nn.Module):
    """``way`` "training": two heads that only training uses; "evaluation": one that only evaluation uses."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.stem, self.head = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 5, 1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.first, self.second = torch.nn.Conv2d(4, 4, 1), torch.nn.Conv2d(4, 4, 1)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.stem(x))
        found = [self.head(x)]
        if self.training == (self.way == "training"):
            found += [torch.relu(self.norm(self.first(x))), self.second(x)]
        return found


class Right(paddle.nn.Layer):
    """The same, its further layers defined in another order and under other names."""

    def __init__(self, way: str, relu: bool = True) -> None:
        super().__init__()
        self.way, self.relu = way, relu
        self.b = paddle.nn.Conv2D(4, 4, 1)
        self.a = paddle.nn.Sequential(paddle.nn.Conv2D(4, 4, 1), paddle.nn.BatchNorm2D(4))
        self.stem, self.head = paddle.nn.Conv2D(3, 4, 3), paddle.nn.Conv2D(4, 5, 1)

    def forward(self, x: Any) -> Any:
        x = paddle.nn.functional.relu(self.stem(x))
        found = [self.head(x)]
        if self.training == (self.way == "training"):
            a = self.a(x)
            found += [paddle.nn.functional.relu(a) if self.relu else a, self.b(x)]
        return found


@pytest.mark.parametrize("way", ["training", "evaluation"])
def test_what_one_way_of_running_uses_alone_is_paired_and_moved(way: str) -> None:
    report = parity.compare(Left(way), Right(way), SHAPE, accept=["batch_norm.variance"])
    assert report.verdict == "same", report
    assert not any("never used" in finding.explanation for finding in report.findings)


def test_a_fault_in_it_is_found_in_its_place() -> None:
    report = parity.compare(Left("training"), Right("training", relu=False), SHAPE, accept=["batch_norm.variance"])
    assert report.verdict == "different", report
    assert report.finding.phase == "train forward"
    assert report.finding.layer_left == "norm" or "norm" in str(report.finding), report


def test_names_by_hand_hold_there_too() -> None:
    crossed = {"first": "b", "second": "a.0"}
    report = parity.compare(Left("training"), Right("training"), SHAPE, rename=crossed, accept=["batch_norm.variance"])
    assert report.verdict == "different", report
    assert report.pairing.names["first.weight"] == "b.weight"


def test_captures_agree_with_compare() -> None:
    left = capture(Left("training"), SHAPE)
    assert compare_captures(left, capture(Right("training"), like=left), accept=["batch_norm.variance"])
    report = compare_captures(left, capture(Right("training", relu=False), like=left), accept=["batch_norm.variance"])
    assert report.verdict == "different"
