"""Programs in onnxruntime, in float32 as they are and in float64."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks.errors import InputError
from nlblocks.exchange.files import write
from nlblocks.exchange.programs import Evaluator, Runtime, doubled

FLOAT32 = 1e-6
"""A dozen roundings in float32: another neighbour would be 1e-1."""
X = np.random.default_rng(0).standard_normal((2, 4, 9, 8))


def program() -> onnx.ModelProto:
    """A convolution and a pool, in float32; the weight lies behind an Unsqueeze, as Paddle's exporter has it."""
    weight = np.random.default_rng(1).standard_normal((6, 4, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["w", "axis"], ["kernel"]),
        helper.make_node("Conv", ["x", "kernel"], ["inner"], pads=[1, 0, 1, 0], strides=[2, 1]),
        helper.make_node("AveragePool", ["inner"], ["y"], kernel_shape=[2, 2]),
    ]
    sizes = {"x": ["n", 4, None, None], "y": [None] * 4}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in sizes.items()]
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
    with pytest.raises(InputError, match="input 'x' is float64, and the program takes float32") as caught:
        Runtime(program(), "float32").run({"x": X})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("feeds", "wanted", "said"),
    [
        ({}, None, "no array for input 'x'"),
        ({"x": X, "z": X}, None, "no input is called 'z'; the program takes 'x'"),
        ({"x": X[0]}, None, r"input 'x' has shape \[4, 9, 8\], and the program takes .*reshape"),
        ({"x": X[:, :3]}, None, r"input 'x' has shape \[2, 3, 9, 8\], and the program takes \['n', 4, '\?', '\?'\]"),
        ({"x": X.astype(int)}, None, "input 'x' is int64, and the program takes float64; cast it"),
        ({"x": X}, ["ghost"], "no tensor is called 'ghost'; the program gives 'y'"),
    ],
)
def test_feeds_that_do_not_fit_are_refused_by_both(
    feeds: dict[str, np.ndarray], wanted: list[str] | None, said: str
) -> None:
    for runner in (Evaluator(doubled(program())), Runtime(program(), "float64")):
        with pytest.raises(InputError, match=said):
            runner.run(feeds, wanted)


def test_weights_and_inputs_can_be_asked_for() -> None:
    for runner in (Evaluator(doubled(program())), Runtime(program(), "float64")):
        found = runner.run({"x": X}, ["x", "w", "kernel"])
        np.testing.assert_array_equal(found["x"], X)
        np.testing.assert_array_equal(found["w"][..., None], found["kernel"])


def test_what_is_too_large_for_memory_goes_through_files(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Runtime(program(), "float64").run({"x": X})["y"]
    monkeypatch.setattr("nlblocks.exchange.programs.runtime.LIMIT", 100)
    monkeypatch.setattr("nlblocks.exchange.programs.runtime.write", partial(write, limit=100))
    np.testing.assert_array_equal(Runtime(program(), "float64").run({"x": X})["y"], whole)


def branches() -> onnx.ModelProto:
    """A convolution within a branch, of a weight outside of it."""

    def branch(node: onnx.NodeProto, name: str) -> onnx.GraphProto:
        return helper.make_graph([node], name, [], [helper.make_empty_tensor_value_info(name)])

    node = helper.make_node(
        "If", ["is_one"], ["y"],
        then_branch=branch(helper.make_node("Conv", ["x", "w"], ["then"], pads=[1] * 4), "then"),
        else_branch=branch(helper.make_node("Softplus", ["x"], ["else"]), "else"),
    )  # fmt: skip
    weight = np.random.default_rng(1).standard_normal((4, 4, 3, 3)).astype(np.float32)
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 9, 8]),
        helper.make_tensor_value_info("is_one", TensorProto.BOOL, []),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", inputs, outputs, [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("is_one", [True, False])
def test_branches_are_rewritten_too(is_one: bool) -> None:
    feeds = {"x": X, "is_one": np.array(is_one)}
    right = Evaluator(doubled(branches())).run(feeds)["y"]
    found = Runtime(branches(), "float64").run(feeds)["y"]
    np.testing.assert_allclose(found, right, rtol=0, atol=1.4e-15 * np.abs(right).max())


@pytest.mark.parametrize(("opset", "op"), [(9, "Upsample"), (10, "Resize")])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scale", [2.0, 1.7])
def test_old_opsets_mean_what_they_meant(opset: int, op: str, mode: str, scale: float) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("x", "y")]
    scales = numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "s")
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "s"], ["y"], mode=mode)], "g", values[:1], values[1:], [scales]
    )
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    own = Runtime(old, "float32").run({"x": X.astype(np.float32)})["y"]
    for found in (Runtime(old, "float64").run({"x": X})["y"], Evaluator(doubled(old)).run({"x": X})["y"]):
        np.testing.assert_allclose(found, own, rtol=0, atol=FLOAT32 * np.abs(own).max())


def test_without_onnxruntime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r'onnxruntime is not installed; pip install "nlblocks\[onnx\]"'):
        Runtime(program(), "float32")
