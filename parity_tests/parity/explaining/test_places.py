"""What stands in a forward on one side, and is a layer without weights on the other, lies between the layers around."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

F, PF = torch.nn.functional, paddle.nn.functional
Step = Callable[[Any], Any]


class Left(torch.nn.Module):
    def __init__(self, step: Step) -> None:
        super().__init__()
        self.conv1, self.conv2, self.step = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 5, 1), step

    def forward(self, x: Any) -> Any:
        return self.conv2(self.step(self.conv1(x)))


class Right(paddle.nn.Layer):
    def __init__(self, middle: Any) -> None:
        super().__init__()
        self.conv1, self.conv2 = paddle.nn.Conv2D(3, 4, 3, padding=1), paddle.nn.Conv2D(4, 5, 1)
        self.middle = middle

    def forward(self, x: Any) -> Any:
        return self.conv2(self.middle(self.conv1(x)))


CASES = {
    "upsampled": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False),
        lambda: paddle.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False, align_mode=1),
        "interpolate.align_mode",
    ),
    "padded": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), lambda: paddle.nn.Pad2D(1, "replicate"), "pad.mode"),
    "normalised": (lambda x: F.softmax(x, 1), lambda: paddle.nn.Softmax(2), "softmax.axis"),
    "turned": (lambda x: x.transpose(2, 3), lambda: lambda x: x, "reshape.order"),
    "turned later": (lambda x: x, lambda: lambda x: paddle.transpose(x, [0, 1, 3, 2]), "reshape.order"),
    "pooled": (lambda x: F.max_pool2d(x, 3, 2), lambda: paddle.nn.MaxPool2D(3, 2, padding=1), "max_pool.padding"),
}


@pytest.mark.parametrize("name", CASES)
def test_between_the_layers_around_with_both_lines(name: str) -> None:
    step, middle, cause = CASES[name]
    report = parity.compare(Left(step), Right(middle()), (2, 3, 6, 6), training=False)
    finding = report.finding
    assert (finding.cause, finding.where) == (cause, "between conv1 and conv2"), report
    assert any(line.rpartition(":")[0].endswith(Path(__file__).name) for line in finding.lines)


def test_two_layers_are_a_layer() -> None:
    left = Left(lambda x: x)
    left.step = torch.nn.LeakyReLU(0.2)
    report = parity.compare(left, Right(paddle.nn.LeakyReLU(0.1)), (2, 3, 6, 6), training=False)
    assert report.finding.where == "layer step / middle", report
