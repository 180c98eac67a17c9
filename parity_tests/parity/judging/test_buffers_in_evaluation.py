"""Buffers that a forward writes to in evaluation are compared: the next pass starts from them."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402


class TorchMean(torch.nn.Module):
    """Keeps a mean of what it sees, with ``share`` of the new; in evaluation too, if ``always``."""

    def __init__(self, *, always: bool, share: float = 0.1) -> None:
        super().__init__()
        self.fc, self.always, self.share = torch.nn.Linear(4, 3), always, share
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        if self.always or self.training:
            self.mean.lerp_(y.detach().mean(0), self.share)
        return y


class PaddleMean(paddle.nn.Layer):
    def __init__(self, *, always: bool) -> None:
        super().__init__()
        self.fc, self.always = paddle.nn.Linear(4, 3), always
        self.register_buffer("mean", paddle.zeros([3]))

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        if self.always or self.training:
            self.mean.set_value(self.mean + 0.1 * (y.detach().mean(0) - self.mean))
        return y


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("always", [False, True])
def test_both_write_alike(always: bool, training: bool) -> None:
    report = parity.compare(TorchMean(always=always), PaddleMean(always=always), (5, 4), training=training)
    assert report, str(report)
    assert any(c.phase == "buffers" for c in report.comparisons) == (always or training)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TorchMean(always=False), TorchMean(always=True)),
        (TorchMean(always=True), PaddleMean(always=False)),
        (TorchMean(always=False), PaddleMean(always=True)),
        (TorchMean(always=True), TorchMean(always=True, share=0.2)),
    ],
)
def test_one_writes_otherwise(left: Any, right: Any) -> None:
    report = parity.compare(left, right, (5, 4), training=False)
    assert report.verdict == "different", str(report)
    assert any(f.phase == "buffers" and f.severity == "fault" for f in report.findings)
