"""A layer that computes something else, where no output shows it, is said: the same models, and a note on the place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

import paddle
import torch
from paddle import nn as pnn
from torch import nn

from nlblocks import parity


class TorchMean(nn.Module):
    """A mean over an instance norm: its bias, whatever goes in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 6, 1), nn.InstanceNorm2d(6, affine=True), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(self.conv(x)).mean((2, 3)))


class PaddleMean(pnn.Layer):
    def __init__(self, before: Callable[[Any], Any], after: Callable[[Any], Any]) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = pnn.Conv2D(3, 6, 1), pnn.InstanceNorm2D(6), pnn.Linear(6, 2)
        self.before, self.after = before, after

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc(self.after(self.norm(self.conv(self.before(x)))).mean([2, 3]))


class TorchShift(nn.Module):
    """What a softmax does not see: the same added to all that it compares."""

    def __init__(self) -> None:
        super().__init__()
        self.scores, self.shift = nn.Linear(4, 5), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.scores(x) + self.shift(x), -1)


class PaddleShift(pnn.Layer):
    def __init__(self, shifted: Callable[[Any], Any]) -> None:
        super().__init__()
        self.scores, self.shift, self.shifted = pnn.Linear(4, 5), pnn.Linear(4, 1), shifted

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return pnn.functional.softmax(self.scores(x) + self.shifted(self.shift)(x))


def same(x: Any) -> Any:
    return x


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (same, same, ""),
        (lambda x: x.flip(1), same, "between the input and conv"),
        (same, lambda x: x.flip(2), ""),  # every layer gives the same
    ],
)
def test_a_mean_over_an_instance_norm(before: Any, after: Any, place: str) -> None:
    report = parity.compare(TorchMean(), PaddleMean(before, after), (2, 3, 5, 5))
    notes = [finding for finding in report.findings if "no output shows it" in finding.explanation]
    assert report, report
    assert [finding.where for finding in notes] == ([place] if place else [])


def test_a_layer_that_a_softmax_does_not_see() -> None:
    right = parity.compare(TorchShift(), PaddleShift(same), (3, 4))
    assert right, right
    assert right.findings == []
    other = parity.compare(TorchShift(), PaddleShift(lambda layer: lambda x: layer(x) ** 2), (3, 4), training=False)
    assert other.findings == []  # the layer itself gives the same
    scaled = parity.compare(TorchShift(), PaddleShift(lambda layer: lambda x: layer(2 * x)), (3, 4), training=False)
    assert scaled, scaled
    assert ["shift" in finding.explanation for finding in scaled.findings] == [True]
