"""A choice between two graphs: what the chosen one takes is used, the other's weights are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks import parity
from nlblocks.exchange.side import OnnxModel

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.5]))

    def forward(self, x: Any) -> Any:
        return torch.relu(x) if x.sum() > 0 else x * self.w


def file() -> onnx.ModelProto:
    def value(name: str, shape: Any = None) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    then = helper.make_graph([helper.make_node("Relu", ["x"], ["t"])], "then", [], [value("t")])
    other = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["e"])], "else", [], [value("e")])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    held = {"zero": np.array(0, np.float32), "w": np.array([1.0, 2.0, 3.5], np.float32)}
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    graph = helper.make_graph(nodes, "g", [value("x", [2, 3])], [value("y")], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_either_way(sign: float) -> None:
    report = parity.compare(OnnxModel(file()), Net().eval(), sign * np.array([[1.0, 2.0, -0.5], [0.5, 1.0, 0.25]]))
    assert report, str(report)
    assert ("never used on the left: w" in str(report)) == (sign > 0)
