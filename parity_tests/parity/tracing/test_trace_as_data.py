"""A trace becomes data and arrays, and comes back the same through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nlblocks.parity.tracing.trace import Op, Tensor, Trace


def example() -> Trace:
    ops = [
        Op(index=0, kind="pad", name="pad", scope="a.b", leaf=True, inputs=(0,), roles=("x",), outputs=(2,),
           attrs={"pad": (1, 2), "nested": ((0, 1), ("slice", None, 3, None)), "mode": None}, site="a.b:pad:1"),
        Op(index=1, kind="linear", name="linear", scope="fc", leaf=True, inputs=(2, 1), roles=("x", "weight"),
           outputs=(3,), site="fc:linear:1"),
    ]  # fmt: skip
    return Trace(
        framework="none", model="m", training=True, dtype="float64", ops=ops,
        values={n: np.full((n + 1,), float(n)) for n in range(4)}, grads={3: np.array([np.nan, np.inf])},
        origin={0: "input:0", 1: "parameter:fc.weight"}, outputs={"": 3}, output_dtypes={"": "float32"},
        grad_inputs={"0": np.ones(2)}, grad_params={"fc.weight": np.ones((2, 2))},
        state={"fc.weight": Tensor(shape=(2, 2), dtype="float32", trainable=True, buffer=False)},
        buffers_after={"odd/name": np.zeros(1)}, layers={"fc": "Linear"},
    )  # fmt: skip


def test_a_trace_comes_back_through_json() -> None:
    trace = example()
    back = Trace.from_dict(json.loads(json.dumps(trace.to_dict())), trace.arrays())
    assert back.ops == trace.ops
    assert back.state == trace.state
    assert back.to_dict() == trace.to_dict()
    assert back.parameter(1) == "fc.weight"
    assert back.arrays().keys() == trace.arrays().keys()
    assert all(back.arrays()[name] is array for name, array in trace.arrays().items())
    assert set(back.results()) == set(trace.results())


def test_arrays_are_named_by_group() -> None:
    assert set(example().arrays()) == {
        "values/0", "values/1", "values/2", "values/3", "grads/3", "grad_inputs/0", "grad_params/fc.weight",
        "buffers_after/odd/name",
    }  # fmt: skip


@pytest.mark.parametrize("damage", [{"ops": [{}]}, {"ops": None}, {"origin": {"x": "input:0"}}, {"state": {"a": {}}}])
def test_what_is_no_trace_raises(damage: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Trace.from_dict({**example().to_dict(), **damage}, {})
    with pytest.raises(KeyError):
        Trace.from_dict(example().to_dict(), {"other/0": np.zeros(1)})
