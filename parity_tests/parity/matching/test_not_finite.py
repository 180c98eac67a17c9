"""NaN and infinity are values like others: a tensor that holds them where its partner does has a partner."""

from __future__ import annotations

import numpy as np
import pytest

from nlblocks.backend import Array
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.matching.by_digest import ByDigest
from nlblocks.parity.tracing import Op, Trace

X = np.random.default_rng(0).normal(size=(3, 4))


def trace(result: Array) -> Trace:
    op = Op(index=0, kind="relu", name="relu", scope="", leaf=True, inputs=(0,), roles=("x",), outputs=(1,), site=":1")
    return Trace(
        framework="none", model="m", training=False, dtype="float64", ops=[op], values={0: X, 1: result},
        origin={0: "input:0"}, outputs={"": 1},
    )  # fmt: skip


def holding(value: float, place: int = 5, base: Array = X) -> Array:
    found = base.copy()
    found.flat[place] = value
    return found


ZERO = holding(0.0)
"""Beside this one a NaN or infinity does not show in the sums of what is finite."""


@pytest.mark.parametrize(
    ("left", "right", "partners"),
    [
        (holding(np.nan), holding(np.nan), True),
        (holding(np.inf), holding(np.inf), True),
        (holding(np.nan), holding(np.nan).T, True),
        (ZERO, ZERO.copy(), True),
        (ZERO, holding(np.nan), False),
        (holding(np.nan), ZERO, False),
        (ZERO, holding(np.inf), False),
        (holding(np.inf), holding(-np.inf), False),
        (holding(np.inf), holding(np.nan), False),
        (holding(np.nan, 5, ZERO), holding(np.nan, 6, holding(0.0, 6)), False),
        (np.full((3, 4), np.nan), np.full((3, 4), np.nan), True),
        (np.full((3, 4), np.nan), np.zeros((3, 4)), False),
    ],
)
def test_tensors_with_nan_or_infinity(left: Array, right: Array, partners: bool) -> None:
    found = Alignment(trace(left), trace(right))
    assert (found.to_right[1] == [1]) == partners
    assert (found.to_left[1] == [1]) == partners
    assert found.unmatched("left") == (set() if partners else {1})
    wrong = found.wrong("right", [1])
    assert [op.kind for op in found.frontier("right", wrong)] == ([] if partners else ["relu"])
    assert (1 in ByDigest(trace(left), trace(right), 1e-10).to_right[1]) == partners


def test_the_tolerance_is_relative_to_the_largest_value() -> None:
    for scale in (1e-200, 2.0, 1e100):  # 1 would make it a partner of the input too
        left = scale * X
        assert Alignment(trace(left), trace(left * (1 + 1e-12))).to_right[1] == [1]
        assert Alignment(trace(left), trace(left * (1 + 1e-8))).to_right[1] == []
