"""How a trace is read as units, and that a layer of a new type costs one row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nlblocks.parity.pairing import reader
from nlblocks.parity.pairing.pair import pair
from nlblocks.parity.pairing.reader import units
from nlblocks.parity.pairing.units import UNIT_RULES, UnitRule, of_kind
from nlblocks.parity.tracing import Op, Trace, vocabulary

Row = tuple[str, dict[str, Any]]
"""A kind, and what its roles are: a parameter "name", "x" for the result before, attributes without a name."""


def trace(rows: Sequence[Row], shapes: dict[str, tuple[int, ...]]) -> Trace:
    """Operations one behind another. A parameter is used wherever a role has its name."""
    numbers = {name: number for number, name in enumerate(shapes, 1)}
    found = Trace(framework="none", model="m", training=False, dtype="float64", outputs={"": 100 + len(rows) - 1})
    found.origin = {0: "input:0"} | {number: f"parameter:{name}" for name, number in numbers.items()}
    found.state = {
        name: vocabulary.Tensor(shape=s, dtype="float64", trainable=True, buffer=False) for name, s in shapes.items()
    }
    for index, (kind, given) in enumerate(rows):
        before = 100 + index - 1 if index else 0
        inputs = {role: before if value == "x" else numbers[value] for role, value in given.items() if value != ""}
        found.ops.append(
            Op(index=index, kind=kind, name=kind, scope="", leaf=True, inputs=tuple(inputs.values()),
               roles=tuple(inputs), outputs=(100 + index,), site=f":{kind}:{index}")
        )  # fmt: skip
    return found


def test_a_product_and_a_sum_are_one_linear_layer() -> None:
    rows: list[Row] = [
        ("matmul", {"x": "x", "other": "fc.weight"}),
        ("add", {"x": "x", "other": "fc.bias"}),
        ("add", {"x": "x", "other": "position"}),
    ]
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (3, 5), "fc.bias": (5,), "position": (5,)}
    linear, position = units(trace(rows, shapes))
    assert (linear.kind, linear.name, set(linear.refs)) == ("linear", "fc", {"weight", "bias"})
    assert (position.kind, position.name, set(position.refs)) == ("tensor", "position", {"weight"})
    weight = np.arange(15.0).reshape(3, 5)
    assert linear.refs["weight"].shape == (5, 3)
    assert (linear.refs["weight"].read({"fc.weight": weight}) == weight.T).all()


def test_a_parameter_belongs_to_the_first_that_uses_it() -> None:
    rows: list[Row] = [("embedding", {"x": "x", "weight": "table"}), ("linear", {"x": "x", "weight": "table"})]
    assert [unit.kind for unit in units(trace(rows, {"table": (7, 3)}))] == ["embedding"]


MIXTURE: tuple[dict[str, tuple[int, ...]], list[Row], list[Row]] = (
    {"moe.first": (4, 4), "moe.second": (4, 4)},
    [("mixture", {"x": "x", "experts": "moe.first", "router": "moe.second"})],
    [("mixture", {"x": "x", "router": "moe.first", "experts": "moe.second"})],
)
"""A layer that the table does not know, written by two codebases that pass its parameters in another order."""


def test_a_new_layer_type_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes, *both = MIXTURE
    left, right = (trace(rows, shapes) for rows in both)
    assert [(one.kind, one.name) for one in units(left)] == [("tensor", "moe.first"), ("tensor", "moe.second")]
    assert pair(left, right).names == {"moe.first": "moe.first", "moe.second": "moe.second"}  # in the order of use
    monkeypatch.setattr(reader, "UNIT_RULES", (UnitRule(applies=of_kind("mixture")), *UNIT_RULES))
    (layer,) = units(left)
    assert (layer.kind, layer.name, list(layer.refs)) == ("mixture", "moe", ["experts", "router"])
    assert pair(left, right).names == {"moe.first": "moe.second", "moe.second": "moe.first"}  # by role


def test_the_first_rule_that_applies_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes, rows, _ = MIXTURE
    monkeypatch.setattr(reader, "UNIT_RULES", (*UNIT_RULES, UnitRule(applies=of_kind("mixture"))))
    assert [unit.kind for unit in units(trace(rows, shapes))] == ["tensor", "tensor"]
    monkeypatch.setattr(reader, "UNIT_RULES", (UnitRule(applies=of_kind("mixture"), kind="expert"), *UNIT_RULES))
    assert [unit.kind for unit in units(trace(rows, shapes))] == ["expert"]
