"""A float32 program that float64 can judge."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks.exchange.programs import Evaluator, doubled


def program() -> onnx.ModelProto:
    """Y = (x + w) * 0.1, in float32."""
    nodes = [
        helper.make_node("Add", ["x", "w"], ["moved"]),
        helper.make_node("Constant", [], ["c"], value_float=0.1),
        helper.make_node("Cast", ["c"], ["small"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["moved", "small"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    weights = [numpy_helper.from_array(np.array([1.0, 1e-9], np.float32), "w")]
    return helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:], weights),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip


def test_all_of_it_is_float64() -> None:
    found = Evaluator(doubled(program())).run({"x": np.array([[1.0, 1.0]])})["y"]
    assert found.dtype == np.float64
    held = np.array([1.0, 1e-9], np.float32).astype(float)
    np.testing.assert_allclose(found, [(1.0 + held) * np.float64(np.float32(0.1))], rtol=1e-15)


@pytest.mark.parametrize("constant", [True, False])
def test_scales_stay_what_the_format_has_them_as(constant: bool) -> None:
    scales = numpy_helper.from_array(np.array([1.0, 2.0], np.float32), "scales")
    nodes = [helper.make_node("Constant", [], ["scales"], value=scales)] if constant else []
    nodes.append(helper.make_node("Resize", ["x", "", "scales"], ["y"]))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 2), ("y", 4))]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [] if constant else [scales])
    found = doubled(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    onnx.checker.check_model(found, full_check=True)
    np.testing.assert_array_equal(Evaluator(found).run({"x": np.array([[0.1, 3.0]])})["y"], [[0.1, 0.1, 3.0, 3.0]])


def test_the_program_itself_is_left_as_it_was() -> None:
    own = program()
    before = own.SerializeToString()
    doubled(own)
    assert own.SerializeToString() == before


def test_halves_become_float64_too() -> None:
    own = program()
    own.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([0.5, 0.25], np.float16), "w"))
    own.graph.node[2].attribute[0].i = TensorProto.BFLOAT16
    for value in (own.graph.input[0], own.graph.output[0]):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    found = Evaluator(doubled(own)).run({"x": np.array([[1.0, 1.0]])})["y"]
    np.testing.assert_allclose(found, [[1.5 * float(np.float32(0.1)), 1.25 * float(np.float32(0.1))]], rtol=1e-15)
    assert found.dtype == np.float64
