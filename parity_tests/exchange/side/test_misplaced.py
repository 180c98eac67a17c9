"""A file's weights are the model's own, and one that it uses otherwise is a fault, though moved it would not show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from nlblocks import parity
from nlblocks.exchange.side import OnnxModel
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
nn = torch.nn
SHAPE = (3, 6, 5, 5)


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 6)
        for tensor in (self.bn.weight, self.bn.bias, self.bn.running_mean, self.bn.running_var):
            nn.init.uniform_(tensor, 0.5, 1.5)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


def node(file: onnx.ModelProto, kind: str) -> onnx.NodeProto:
    return next(node for node in file.graph.node if node.op_type == kind)


def exchange(first: int, second: int) -> Callable[[onnx.ModelProto], None]:
    def fault(file: onnx.ModelProto) -> None:
        norm = node(file, "BatchNormalization")
        norm.input[first], norm.input[second] = norm.input[second], norm.input[first]

    return fault


def turn(file: onnx.ModelProto) -> None:
    next(a for a in node(file, "Gemm").attribute if a.name == "transB").i = 0


def mirror(file: onnx.ModelProto) -> None:
    weight = next(t for t in file.graph.initializer if t.name == "conv.weight")
    turned = np.ascontiguousarray(numpy_helper.to_array(weight).swapaxes(2, 3))
    weight.CopyFrom(numpy_helper.from_array(turned, weight.name))


@pytest.mark.parametrize("fault", [exchange(1, 2), exchange(3, 4), turn, mirror])
def test_a_weight_in_another_place_is_a_fault(fault: Callable[[onnx.ModelProto], None]) -> None:
    torch.manual_seed(0)
    net = Net().eval()
    file = exported(net, torch.randn(SHAPE))
    assert parity.compare(OnnxModel(file), net, SHAPE)
    fault(file)
    for pair in ((OnnxModel(file), net), (net, OnnxModel(file))):
        found = parity.compare(*pair, SHAPE).faults
        assert {finding.cause for finding in found} == {"parameters.misplaced"}


def test_another_models_weights_say_nothing() -> None:
    torch.manual_seed(0)
    net, other = Net().eval(), Net().eval()
    assert parity.compare(OnnxModel(exported(net, torch.randn(SHAPE))), other, SHAPE)
