"""What the lab takes for equal: masked scores, squares that lie otherwise, dropout masks in another order of axes."""

from __future__ import annotations

import numpy as np

from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import unmasked
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.tracing import Op, Trace

RNG = np.random.default_rng(0)


def test_a_mask_by_a_large_number_does_not_drown_the_scores() -> None:
    scores = RNG.normal(size=(2, 3, 3))
    hidden = np.triu(np.ones((3, 3), bool), 1)
    by_number, by_infinity = np.where(hidden, scores - 1e9, scores), np.where(hidden, -np.inf, scores)
    assert distance(by_number, by_infinity) == 0.0
    assert distance(by_number, np.where(hidden, -1e30, 2 * scores)) > 0.1


def test_large_numbers_that_are_no_mask_are_compared() -> None:
    features = RNG.normal(size=(4, 5)) * 1e5
    assert (unmasked(features) == features).all()


def test_a_square_is_turned_only_where_axes_lie_otherwise() -> None:
    x, weight = RNG.normal(size=(2, 4, 4)), RNG.normal(size=(4, 4))
    y = weight @ x  # a convolution with one tap, channels first
    turned = y.transpose(0, 2, 1)
    assert distance(y, turned, layout="turned") == 0.0
    for kind, partners in (("linear", 1), ("matmul", 0), ("transpose", 0)):
        left, right = trace("conv", x, y), trace(kind, x, turned)
        assert len(Alignment(left, right).to_right[1]) == partners, kind


def trace(kind: str, x: np.ndarray, y: np.ndarray) -> Trace:  # type: ignore[type-arg]
    op = Op(index=0, kind=kind, name=kind, scope="", leaf=False, inputs=(0,), roles=("x",), outputs=(1,))
    return Trace(
        framework="none", model="m", training=False, dtype="float64", ops=[op], values={0: x, 1: y},
        origin={0: "input:0"}, outputs={"": 1},
    )  # fmt: skip
