"""What the verdict of a port stands on: float64, with the tensors of the file that is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import torch

from nlblocks.port import port, prove
from nlblocks.port.prove import _verdict
from nlblocks.port.report import PortReport
from parity_tests.port.packages import Package

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


RETURNS = """
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x), {GIVEN}
"""

COUNTS = """
import paddle
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("steps", paddle.zeros([1], dtype="int64"))

    def forward(self, x):
        if self.training:
            self.steps.set_value(self.steps + 1)
        return self.fc(x)
"""


@pytest.mark.parametrize(
    ("given", "old", "new"),
    [
        ("[{'extents': x.shape}, None]", "x.shape", "x.shape[::-1]"),
        ("[{'stride': 4}, 'half']", "half", "whole"),
        ("float(x.sum())", "x.sum()", "x.mean()"),
    ],
)
def test_what_is_returned_and_is_no_tensor_is_compared(tmp_path, given: str, old: str, new: str) -> None:
    files = {"net.py": RETURNS.replace("{GIVEN}", given)}
    assert Package(tmp_path / "right", files, "net:Net", "2,4").proof()["verdict"] == "proven"
    found = Package(tmp_path / "wrong", files, "net:Net", "2,4").proof((old, new))
    assert found["verdict"] == "different"
    assert found["why"].startswith("in eval mode the model returns ")


def test_whole_numbers_in_buffers_are_compared(tmp_path) -> None:
    assert Package(tmp_path / "right", {"net.py": COUNTS}, "net:Net", "2,4").proof()["verdict"] == "proven"
    found = Package(tmp_path / "wrong", {"net.py": COUNTS}, "net:Net", "2,4").proof(("steps + 1", "steps + 2"))
    assert found["verdict"] == "different"
    assert found["why"].startswith("steps holds other numbers")


def test_a_difference_is_never_named_by_what_is_accepted(tmp_path) -> None:
    report = PortReport(out="out", verdict="different", accepted=("batch_norm.variance",))
    assert str(report).startswith("DIFFERENT\n")


def test_the_file_holds_the_weights_that_the_lab_compared(tmp_path, monkeypatch) -> None:
    moved = prove._moved
    monkeypatch.setattr(prove, "_moved", lambda *given: {n: a.T.copy() for n, a in moved(*given).items()})
    found = Package(tmp_path, {"net.py": RETURNS.replace(", {GIVEN}", "")}, "net:Net", "2,4").proof()
    assert (found["verdict"], found["why"]) == ("different", "the file holds another fc.weight than the model")


BATCH = """
import paddle
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(3, 4, 1)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.norm = nn.BatchNorm2D(4, epsilon=1e-5)

    def forward(self, x):
        return self.norm(self.pool(self.conv(x)))
"""
BY_HAND = "nn.functional.batch_norm(v, None, None, self.norm.weight, self.norm.bias, True)"


@pytest.mark.filterwarnings("ignore:When training")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("eps=1e-5", "eps=1e-3"),
        ("eps=1e-5", "momentum=0.2"),
        ("self.norm(", f"(lambda v: {BY_HAND} if self.training else self.norm(v))("),
        ("self.norm(", f"(lambda v: {BY_HAND} if v.numel() > 4 else self.norm(v))("),
    ],
    ids=["epsilon", "momentum", "no update", "the batch's statistics"],
)
def test_no_fault_hides_behind_what_is_accepted(tmp_path, old: str, new: str) -> None:
    found = Package(tmp_path, {"net.py": BATCH}, "net:Net", "1,3,4,4").proof((old, new))
    assert found["verdict"] == "different"


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


TWICE = """
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.head = self.cls = nn.Linear(3, 3)

    def forward(self, x):
        return self.cls(x)
"""


def test_a_layer_of_two_names_is_in_the_file_under_both(tmp_path) -> None:
    (tmp_path / "net.py").write_text(TWICE)
    report = port("net:Net", tmp_path / "out", path=[tmp_path], inputs="2,3")
    assert report.verdict == "proven", report
    state = torch.load(report.weights)
    assert torch.equal(state["head.weight"], state["cls.weight"])
