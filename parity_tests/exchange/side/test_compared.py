"""An ONNX file is one side of a comparison: the same program is the same, a fault in the file is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from nlblocks import parity
from nlblocks.errors import InputError
from nlblocks.exchange.side import OnnxModel
from nlblocks.parity.capture import capture, compare_captures
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
nn = torch.nn
SHAPE = (2, 3, 8, 8)


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8, eps=1e-3), nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


@pytest.fixture
def net() -> Any:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def file(net: Any) -> onnx.ModelProto:
    return exported(net, torch.randn(SHAPE))


def test_a_file_is_the_model_that_it_was_made_of(net: Any, file: onnx.ModelProto) -> None:
    model = OnnxModel(file)
    for pair in ((model, net), (net, model), (model, OnnxModel(file))):
        report = parity.compare(*pair, SHAPE)
        assert report, str(report)
        assert {c.phase for c in report.comparisons} == {"eval forward", "float32"}


def test_no_training_is_said(net: Any, file: onnx.ModelProto) -> None:
    report = parity.compare(OnnxModel(file), net, SHAPE)
    assert "training, because an ONNX file has no training: forward in evaluation alone was compared" in str(report)
    with pytest.raises(InputError, match="steps of training are asked for, and an ONNX file has no training"):
        parity.compare(OnnxModel(file), net, SHAPE, steps=2)


def test_a_fault_in_the_file_is_named(net: Any, file: onnx.ModelProto) -> None:
    (norm,) = (node for node in file.graph.node if node.op_type == "BatchNormalization")
    next(a for a in norm.attribute if a.name == "epsilon").f = 1e-5
    found = parity.compare(OnnxModel(file), net, SHAPE).finding
    assert found is not None
    assert (found.cause, found.layer_left) == ("batch_norm.eps", "bn")
    assert "1e-05 on the left, 0.001 on the right" in found.explanation


def test_own_weights_that_differ_are_found(net: Any, file: onnx.ModelProto) -> None:
    assert parity.compare(OnnxModel(file), net, SHAPE, transfer=False, randomise=False)
    with torch.no_grad():
        net.conv.weight[0] += 1e-3
    found = parity.compare(OnnxModel(file), net, SHAPE, transfer=False, randomise=False).finding
    assert found is not None
    assert found.cause == "parameters.values"


def test_a_capture_of_a_file_stands_for_it(net: Any, file: onnx.ModelProto) -> None:
    first = capture(OnnxModel(file), SHAPE)
    assert set(first.traces) == {"structure", "eval", "float32"}
    assert compare_captures(first, capture(net, like=first))


def test_another_shape_than_the_file_takes_is_said(net: Any, file: onnx.ModelProto) -> None:
    report = parity.compare(OnnxModel(file), net, (2, 3, 9, 9))
    assert "the file takes" in str(report)
    assert "received [2, 3, 9, 9]" in str(report)


def test_the_model_is_left_as_it_was(net: Any, file: onnx.ModelProto) -> None:
    model, x = OnnxModel(file), np.ones(SHAPE, np.float32)
    before = {name: array.copy() for name, array in model.tensors.items()}
    result = model(x)
    parity.compare(net, model, SHAPE)
    assert all(model.tensors[name].dtype == value.dtype for name, value in before.items())
    assert all(np.array_equal(model.tensors[name], value) for name, value in before.items())
    assert np.array_equal(model(x), result)
    assert np.abs(result - net(torch.from_numpy(x)).detach().numpy()).max() < 1e-6


def test_the_command_takes_a_file(file: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from parity_tests.helpers.command_line import call

    onnx.save(file, tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    here = f"{__name__}:Net"
    found = call("compare", "net.onnx", "net.onnx", "--input", "2,3,8,8")
    assert found.exit_code == 0, found.output
    assert "forward in evaluation alone was compared" in found.output

    assert call("compare", "net.onnx", here, "--input", "2,3,8,8").exit_code == 0
    missing = call("compare", "none.onnx", "net.onnx", "--input", "2,3,8,8")
    assert missing.exit_code == 2
    assert missing.stderr == "nlblocks: none.onnx: cannot be read: No such file or directory\n"


class Gated(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.gamma = nn.Linear(4, 4), nn.Parameter(torch.tensor(0.2))

    def forward(self, x: Any) -> Any:
        return x + self.gamma * self.fc(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_single_number_of_the_model_is_its_parameter(dtype: Any) -> None:
    net = Gated().eval().to(dtype)
    file = exported(net, torch.randn(2, 4, dtype=dtype))
    for pair in ((OnnxModel(file), net), (net, OnnxModel(file))):
        report = parity.compare(*pair, (2, 4))
        assert report, str(report)
