"""Each operator in both runners in float64, against torch and against formulas."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.programs import Evaluator, Runtime
from nlblocks.exchange.programs.lowering.registry import LOWERINGS
from parity_tests.exchange.programs.node_cases import CASES, IMAGE, Case, draw

EXACT = 3e-15
"""The rounding of a few hundred float64 sums, relative to the greatest value: float32 anywhere would be 1e-8."""


def program(case: Case, opset: int) -> onnx.ModelProto:
    """A graph of one node; the floats are inputs, but for those that are constants."""
    names = ["" if x is None else f"x{place}" for place, x in enumerate(case.inputs)]
    given = [(name, x) for name, x in zip(names, case.inputs, strict=True) if x is not None]
    fed = {name for place, (name, x) in enumerate(zip(names, case.inputs, strict=True)) if is_fed(case, place, x)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, x.shape) for name, x in given if name in fed]
    made = helper.make_graph(
        [helper.make_node(case.op, names, ["y"], **case.attrs)], "g", inputs,
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(x, name) for name, x in given if name not in fed],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def is_fed(case: Case, place: int, x: Array | None) -> bool:
    return x is not None and x.dtype == np.float64 and x.ndim > 0 and place not in case.constant


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_exact_in_both(name: str) -> None:
    case = CASES[name]
    model = program(case, case.opset)
    feeds = {f"x{place}": x for place, x in enumerate(case.inputs) if is_fed(case, place, x)}
    right = case.right(*(torch.as_tensor(x) for x in case.inputs if x is not None)).numpy()
    for runner in (Evaluator(model), Runtime(model, "float64")):
        found = runner.run({str(key): value for key, value in feeds.items() if value is not None})["y"]
        assert found.dtype == np.float64, type(runner).__name__
        assert found.shape == right.shape, type(runner).__name__
        assert np.abs(found - right).max() <= EXACT * np.abs(right).max(), type(runner).__name__


def test_every_operator_that_is_rewritten_has_a_case() -> None:
    elsewhere = {"Attention", "GlobalLpPool"}  # test_attention.py; torch has none
    assert {case.op for case in CASES.values()} >= LOWERINGS.keys() - elsewhere


def test_what_cannot_be_rewritten_is_named() -> None:
    case = Case("Resize", (IMAGE, None, np.array([1, 1, 0.5, 0.5])), F.relu, {"mode": "linear", "antialias": 1}, 18)
    with pytest.raises(InputError, match=r"operator Resize of node 'y' has no float64 .*antialias"):
        Runtime(program(case, 18), "float64")
    with pytest.raises(InputError, match="operator Det of node 'y' has no kernel"):
        Runtime(program(Case("Det", (draw(2, 2),), torch.det), 17), "float64")
    assert math.isfinite(Evaluator(program(Case("Det", (draw(2, 2),), torch.det), 17)).run({"x0": draw(2, 2)})["y"])


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            Case("Conv", (IMAGE, draw(6, 4, 3, 3)), F.relu, {"strides": [1]}, 17, (1,)),
            "strides .1. for a window over 2 axes",
        ),
        (
            Case("Conv", (IMAGE, draw(6, 4, 3, 3)), F.relu, {"pads": [1, 1, 1]}, 17, (1,)),
            "pads .1, 1, 1. for a window",
        ),
        (Case("AveragePool", (IMAGE,), F.relu, {"kernel_shape": [10**6] * 2}), "has 1000000000000 places"),
        (Case("LRN", (IMAGE,), F.relu, {"size": 10**9}), "window has 1000000000 places"),
    ],
)
def test_attributes_that_make_no_sense_are_refused_by_name(case: Case, said: str) -> None:
    with pytest.raises(InputError, match=f"operator {case.op} of node 'y' .*{said}") as caught:
        Runtime(program(case, 17), "float64")
    assert "\n" not in str(caught.value)


def boxes(opset: int) -> onnx.ModelProto:
    """The values under two boxes."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in ("x", "boxes")]
    size = {"output_height": 2, "output_width": 3, "sampling_ratio": 2}
    made = helper.make_graph(
        [helper.make_node("RoiAlign", ["x", "boxes", "images"], ["y"], **size)], "g", inputs,
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(np.array([0, 1]), "images")],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_boxes_lie_where_their_opset_says() -> None:
    feeds = {"x": IMAGE, "boxes": np.array([[1.0, 1.0, 6.0, 7.0], [0.0, 2.0, 5.0, 5.0]])}
    found = {}
    for opset in (11, 16):
        found[opset] = Evaluator(boxes(opset)).run(feeds)["y"]
        other = Runtime(boxes(opset), "float64").run(feeds)["y"]
        np.testing.assert_allclose(found[opset], other, rtol=0, atol=EXACT * np.abs(other).max())
    assert np.abs(found[11] - found[16]).max() > 0.01


@pytest.mark.parametrize(("opset", "count"), [(11, 2), (13, 2 * 4 * 9)])
def test_the_greatest_is_looked_for_where_the_opset_says(opset: int, count: int) -> None:
    attrs = {} if opset == 11 else {"axis": -1}
    found = Evaluator(program(Case("Hardmax", (IMAGE,), F.relu, attrs), opset)).run({"x0": IMAGE})["y"]
    assert found.sum() == count
    assert found[0].ravel()[IMAGE[0].argmax()] == 1


@pytest.mark.parametrize("condition", ["", "holds"])
def test_a_loop_without_a_condition_runs_all_its_turns(condition: str) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1]) for name in ("v", "more")]
    turn = [helper.make_tensor_value_info("turn", TensorProto.INT64, [])]
    holds = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("goes", "on")]
    nodes = [helper.make_node("Add", ["v", "v"], ["more"]), helper.make_node("Identity", ["goes"], ["on"])]
    body = helper.make_graph(nodes, "body", [*turn, holds[0], values[0]], [holds[1], values[1]])
    held = [numpy_helper.from_array(np.array(3), "n"), numpy_helper.from_array(np.array(True), "holds")]
    loop = helper.make_node("Loop", ["n", condition, "x"], ["y"], body=body)
    ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1]) for name in ("x", "y")]
    model = helper.make_model(
        helper.make_graph([loop], "g", ends[:1], ends[1:], held),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    for runner in (Evaluator(model), Runtime(model, "float64")):
        np.testing.assert_array_equal(runner.run({"x": np.array([1.0])})["y"], [8.0])
