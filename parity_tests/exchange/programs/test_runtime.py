"""Programs in onnxruntime, in float32 as they are and in float64."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks.errors import InputError
from nlblocks.exchange.programs import Evaluator, Runtime, doubled

X = np.random.default_rng(0).standard_normal((2, 4, 9, 8))


def program() -> onnx.ModelProto:
    """A convolution and a pool, in float32; the weight lies behind an Unsqueeze, as Paddle's exporter has it."""
    weight = np.random.default_rng(1).standard_normal((6, 4, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["w", "axis"], ["kernel"]),
        helper.make_node("Conv", ["x", "kernel"], ["inner"], pads=[1, 0, 1, 0], strides=[2, 1]),
        helper.make_node("AveragePool", ["inner"], ["y"], kernel_shape=[2, 2]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("x", "y")]
    weights = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([3]), "axis")]
    return helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:], weights),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip


def test_float64_is_the_evaluators_in_every_tensor() -> None:
    wanted = ["inner", "y"]
    found = Runtime(program(), "float64").run({"x": X}, wanted)
    right = Evaluator(doubled(program())).run({"x": X}, wanted)
    for name in wanted:
        assert found[name].dtype == np.float64
        np.testing.assert_allclose(found[name], right[name], rtol=0, atol=1.4e-15 * np.abs(right[name]).max())


def test_float32_runs_the_program_as_it_is() -> None:
    found = Runtime(program(), "float32").run({"x": X.astype(np.float32)})["y"]
    assert found.dtype == np.float32


def test_what_it_cannot_run_is_said_in_one_line() -> None:
    with pytest.raises(InputError, match=r"onnxruntime: .*data type") as caught:
        Runtime(program(), "float32").run({"x": X})
    assert "\n" not in str(caught.value)
