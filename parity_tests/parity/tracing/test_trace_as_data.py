"""A trace becomes data and arrays, and comes back the same through JSON."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest

from nlblocks.parity.tracing.digest import Digest
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
        buffers_after={"odd/name": np.zeros(1)}, layers={"fc": "Linear"}, foreign={"fc"}, overwritten={2, 0},
        digests={2: Digest(shape=(1, 2), total=0.1, square=np.inf, sample=np.array([-np.inf, 1 / 3]))},
        held={"interp": ("the ratio", 3e-8)}, promoted={"fc:linear:1": "float32"}, lost=["attribute x of fc"],
        streams={"random": "ab12"}, error="RuntimeError: no", error_scope="fc", unable=True,
        lines={"fc:linear:1": "net.py:31"}, rewritten=True,
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


def test_no_field_is_lost_on_the_way_through_a_file() -> None:
    trace = example()
    back = Trace.from_dict(json.loads(json.dumps(trace.to_dict())), trace.arrays())
    for f in fields(Trace):
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        assert getattr(trace, f.name) != default, f"give {f.name} a value in example(), or nothing is tested here"
        np.testing.assert_equal(_bare(getattr(back, f.name)), _bare(getattr(trace, f.name)), f.name)


def _bare(value: Any) -> Any:
    """What NumPy can compare to the bit: dataclasses without an equality, as theirs hold arrays."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    return {f.name: getattr(value, f.name) for f in fields(value)} if isinstance(value, Digest) else value


def test_what_was_written_before_a_field_was_there_is_read() -> None:
    held = {name: value for name, value in example().to_dict().items() if name not in ("overwritten", "unable")}
    assert Trace.from_dict(held, example().arrays()).overwritten == set()


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
