"""However a file keeps its weights and spells its layers, they are the model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from nlblocks import parity
from nlblocks.exchange.side import OnnxModel
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
models = pytest.importorskip("parity_tests.helpers.onnx_models")
SHAPE = models.SHAPES[models.Mobile]


@pytest.fixture
def net() -> Any:
    return models.made(models.Mobile, trained=True)


def as_constants(file: onnx.ModelProto) -> None:
    """Every weight the value of a node, as paddle2onnx writes them, and used through others."""
    held = {tensor.name: tensor for tensor in file.graph.initializer}
    del file.graph.initializer[:]
    nodes = []
    for name, tensor in held.items():
        nodes.append(helper.make_node("Constant", [], [f"{name}/c"], value=tensor))
        nodes.append(helper.make_node("Unsqueeze", [f"{name}/c"], [f"{name}/u"], axes=[0]))
        nodes.append(helper.make_node("Cast", [f"{name}/u"], [f"{name}/f"], to=tensor.data_type))
        nodes.append(helper.make_node("Squeeze", [f"{name}/f"], [f"{name}/s"], axes=[0]))
        nodes.append(helper.make_node("Identity", [f"{name}/s"], [name]))
    rest = list(file.graph.node)
    del file.graph.node[:]
    file.graph.node.extend([*nodes, *rest])


def biases_added(file: onnx.ModelProto) -> None:
    """A convolution and its bias as two nodes."""
    for node in [node for node in file.graph.node if node.op_type == "Conv" and len(node.input) > 2]:
        bias, result = node.input.pop(), node.output[0]
        node.output[0] = f"{result}/plain"
        shape = numpy_helper.from_array(np.array([1, -1, 1, 1]), f"{bias}/shape")
        file.graph.initializer.append(shape)
        added = helper.make_node("Add", [f"{result}/plain", f"{bias}/wide"], [result], name=f"{node.name}/bias")
        place = list(file.graph.node).index(node)
        file.graph.node.insert(place + 1, added)
        file.graph.node.insert(0, helper.make_node("Reshape", [bias, shape.name], [f"{bias}/wide"]))


def gates_spelled(file: onnx.ModelProto) -> None:
    """Hard sigmoid as paddle2onnx writes hard swish: x + 3, clipped to 6, divided by 6."""
    for index, node in enumerate(list(file.graph.node)):
        if node.op_type not in ("HardSigmoid", "HardSwish"):
            continue
        x, y, place = node.input[0], node.output[0], list(file.graph.node).index(node)
        numbers = {f"n{index}/{n}": np.array(float(n), np.float32) for n in (0, 3, 6)}
        file.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in numbers.items())
        zero, three, six = numbers
        last = f"{y}/gate" if node.op_type == "HardSwish" else y
        chain = [
            helper.make_node("Add", [x, three], [f"{y}/a"]),
            helper.make_node("Clip", [f"{y}/a", zero, six], [f"{y}/c"]),
            helper.make_node("Div", [f"{y}/c", six], [last]),
            *([helper.make_node("Mul", [x, last], [y])] if node.op_type == "HardSwish" else []),
        ]
        file.graph.node.remove(node)
        for step in reversed(chain):
            file.graph.node.insert(place, step)


@pytest.mark.parametrize("spell", [as_constants, biases_added, gates_spelled])
def test_it_is_the_same_program(net: Any, spell: Callable[[onnx.ModelProto], None]) -> None:
    file = exported(net, torch.randn(SHAPE), opset_version=12)
    spell(file)
    onnx.checker.check_model(file)
    for pair in ((OnnxModel(file), net), (net, OnnxModel(file))):
        report = parity.compare(*pair, SHAPE)
        assert report, str(report)
    assert not parity.compare(OnnxModel(file), models.made(models.Plain, trained=True), SHAPE)


def test_a_number_in_a_chain_is_named(net: Any) -> None:
    file = exported(net, torch.randn(SHAPE), opset_version=12)
    gates_spelled(file)
    six = next(tensor for tensor in file.graph.initializer if tensor.name.endswith("/6"))
    six.CopyFrom(numpy_helper.from_array(np.array(5.0, np.float32), six.name))
    found = parity.compare(OnnxModel(file), net, SHAPE).finding
    assert found is not None
    assert found.layer_right == "a.2"
