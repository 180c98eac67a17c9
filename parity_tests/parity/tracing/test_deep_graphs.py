"""A model may be thousands of operations deep: what is asked of its graph does not recurse."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nlblocks.parity.matching import Alignment
from nlblocks.parity.tracing import Op, Trace, TraceGraph

DEPTH = 20_000


def chain(*kinds: str, values: bool = False) -> Trace:
    """Operations one behind the other, each on what the one before gives."""
    ops = [
        Op(index=i, kind=kind, name=kind, scope="", leaf=False, inputs=(i,), roles=("x",), outputs=(i + 1,))
        for i, kind in enumerate(kinds)
    ]
    trace = Trace(framework="torch", model="Net", training=False, dtype="float64", ops=ops, origin={0: "input:0"})
    trace.values = {0: np.arange(3.0)} if values else {}
    return trace


@pytest.mark.parametrize("kind", ["contiguous", "view", "dropout"])
def test_what_follows_a_long_chain_is_found(kind: str) -> None:
    graph = TraceGraph(chain(*[kind] * DEPTH, "relu"))
    start = time.perf_counter()
    assert all(graph.following(number) == {"relu"} for number in range(DEPTH))
    assert graph.following(DEPTH + 1) == set()
    assert time.perf_counter() - start < 5.0, "once for each tensor, it walks the whole chain"


@pytest.mark.parametrize("kind", ["contiguous", "view", "transpose"])
def test_the_source_of_a_long_chain_of_views_is_found(kind: str) -> None:
    assert TraceGraph(chain("relu", *[kind] * DEPTH)).source(DEPTH + 1) == 1


@pytest.mark.parametrize("kind", ["expand", "repeat"])
def test_copies_of_what_is_known_are_known_however_many(kind: str) -> None:
    left = chain(*[kind] * DEPTH, values=True)
    assert Alignment(left, chain(values=True)).known("left", DEPTH)
    unknown = chain("relu", *[kind] * DEPTH, values=True)
    assert not Alignment(unknown, chain(values=True)).known("left", DEPTH + 1)


def test_kinds_meet_where_a_tensor_is_used_twice() -> None:
    ops = [("view", 0, 1), ("linear", 1, 2), ("dropout", 1, 3), ("relu", 3, 4), ("add", 0, 5)]
    trace = chain()
    trace.ops = [
        Op(index=i, kind=kind, name=kind, scope="", leaf=False, inputs=(taken,), roles=("x",), outputs=(made,))
        for i, (kind, taken, made) in enumerate(ops)
    ]
    graph = TraceGraph(trace)
    assert graph.following(0) == {"affine", "relu", "add"}
    assert graph.following(1) == {"affine", "relu"}
