"""Buffers that are constants: kept as they are, and never given to a model whose checkpoints do not hold them."""

from __future__ import annotations

import paddle
import pytest
import torch

from nlblocks import parity


class Torch(torch.nn.Module):
    """Scales by a buffer of its checkpoints, shifts by one of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(6, 6)
        self.register_buffer("scale", torch.full((6,), 2.0))
        self.register_buffer("shift", torch.arange(6.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x * self.scale) + self.shift


class Paddle(paddle.nn.Layer):
    """The same, with other values if told to, or with numbers in place of the first buffer."""

    def __init__(self, scale: float = 2.0, shift: float = 1.0, *, written: bool = False) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(6, 6)
        self.written = written
        if not written:
            self.register_buffer("scale", paddle.full([6], scale))
        self.register_buffer("shift", paddle.arange(6.0) * shift, persistable=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc(x * (2.0 if self.written else self.scale)) + self.shift


def _notes(report: parity.LabReport) -> str:
    return " ".join(finding.explanation for finding in report.findings)


def test_a_buffer_on_one_side_is_kept_where_the_other_has_the_number_in_its_code() -> None:
    assert parity.compare(Torch(), Paddle(written=True), (4, 6))


def test_a_constant_of_the_code_that_differs_is_no_weight_to_be_moved() -> None:
    report = parity.compare(Torch(), Paddle(shift=2.0), (4, 6))
    assert not report
    assert "shift / shift; no checkpoint holds them" in _notes(report)


@pytest.mark.parametrize("scale", [2.0, 3.0])
def test_a_buffer_that_a_checkpoint_brings_along_is_moved_and_said_to_be(scale: float) -> None:
    report = parity.compare(Torch(), Paddle(scale), (4, 6))
    assert report
    assert ("scale / scale; the right was given the left's" in _notes(report)) == (scale != 2.0)
