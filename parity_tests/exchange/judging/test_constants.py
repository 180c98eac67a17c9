"""What a format holds as float32 is excused by as much as that does, and nothing else."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nlblocks.backend import Array
from nlblocks.exchange.judging import exact_eps, witnesses
from nlblocks.exchange.programs import written

X = np.random.default_rng(0).normal(size=(2, 3, 4))


class Scaled:
    """Y = 0.1 (x - m) / sqrt(v + 1e-3), for m and v by channel."""

    inputs = (X,)
    mean, variance = np.array([0.1, -0.4, 0.3]), np.array([0.5, 1e-3, 2.0])

    def outputs(self, dtype: str) -> dict[str, Array]:
        column = [value.reshape(1, 3, 1) for value in (self.mean, self.variance)]
        return {"output": (0.1 * (X - column[0]) / np.sqrt(column[1] + 1e-3)).astype(dtype)}

    def floors(self, dtype: str) -> dict[str, Array]:
        return {"output": np.full(X.shape, np.finfo(dtype).eps)}


def program(factor: float = 0.1, eps: float = 1e-3) -> onnx.ModelProto:
    weights = {"m": Scaled.mean, "v": Scaled.variance, "one": np.ones(3), "zero": np.zeros(3), "f": np.array(factor)}
    nodes = [
        helper.make_node("BatchNormalization", ["x", "one", "zero", "m", "v"], ["n"], epsilon=eps),
        helper.make_node("Mul", ["n", "f"], ["output"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, X.shape) for name in ("x", "output")]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def verdicts(model: onnx.ModelProto) -> set[bool]:
    checks, notes = witnesses(model, Scaled(), dtype="float64")
    assert not notes
    return {check.passed for check in checks}


def test_an_attribute_of_the_format_is_float32_and_excused() -> None:
    assert verdicts(program()) == {True}
    assert verdicts(program(eps=1e-3 * (1 + 1e-5))) == {False}


def test_a_number_that_an_exporter_wrote_as_float32_is_excused_and_another_is_not() -> None:
    assert verdicts(program(factor=float(np.float32(0.1)))) == {True}
    assert verdicts(program(factor=0.1 * (1 + 1e-6))) == {False}


def test_an_eps_can_be_said_exactly() -> None:
    checks, _ = witnesses(exact_eps(program()), Scaled(), dtype="float64")
    assert max(check.difference.relative for check in checks) < 1e-15
    worse, _ = witnesses(program(), Scaled(), dtype="float64")
    assert max(check.difference.relative for check in worse) > 1e-10


@pytest.mark.parametrize("number", [1e-5, 1e-3, 0.1, 1 / 6, 3.1, 1 / 49, 1.0])
def test_what_float32_was_given_is_found_again(number: float) -> None:
    assert written(float(np.float32(number))) == number
