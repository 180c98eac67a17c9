"""What the verdict of a port stands on: float64, with the tensors of the file that is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import torch

from nlblocks.port import port
from nlblocks.port.prove import _verdict

INTEGERS = """
import paddle
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.table = self.create_parameter([5, 3])
        self.register_buffer("index", paddle.randint(0, 5, [4]))

    def forward(self, x):
        return x + paddle.index_select(self.table, self.index)
"""


def test_integer_buffers_are_moved_before_the_proof(tmp_path) -> None:
    (tmp_path / "net.py").write_text(INTEGERS)
    report = port("net:Net", tmp_path / "out", path=[tmp_path], inputs="2,4,3")
    assert report.verdict == "proven", report
    assert torch.load(report.weights)["index"].dtype == torch.int64


@pytest.mark.parametrize(
    ("verdict", "phase", "undecided", "expected"),
    [
        ("same", "", [], "proven"),
        ("different", "float32", [], "different"),
        ("not compared", "float32 train", [], "proven"),
        ("not compared", "backward", [], "not run"),
        ("not compared", "", ["the backward pass, because the left fails"], "not run"),
    ],
)
def test_what_float32_alone_leaves_open_is_no_part_of_the_proof(
    verdict: str, phase: str, undecided: list[str], expected: str
) -> None:
    phases = ("eval forward", "train forward", "backward", "float32", "float32 train")
    rows = [SimpleNamespace(phase=name, passed=name != phase, accepted=False) for name in phases]
    assert _verdict(SimpleNamespace(verdict=verdict, comparisons=rows, undecided=undecided)) == expected
