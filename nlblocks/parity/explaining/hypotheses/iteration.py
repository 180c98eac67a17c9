"""A power iteration, as of a spectral norm, that begins with the other of its two vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis, Met
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op

STEPS = 8
"""Steps of an iteration that are looked for: layers make one for each pass, seldom more."""
LEAST = 1e-12
"""What a vector's length is held above, as both frameworks do by default."""


@dataclass(frozen=True, slots=True)
class _Product:
    """A product of a matrix with a parameter that is a vector, by which an iteration may begin.

    ``matrix`` is laid out so that it is ``matrix @ start``.
    """

    op: Op
    name: str
    matrix: Array
    start: Array


@hypothesis("spectral_norm.iteration")
def iteration(at: Hypothesis) -> Iterator[Explanation]:
    """One side begins by W v, the other by its transpose and u: their vectors meet only once both have converged."""
    partners = at.pairing.names
    for left in _products(at, "left"):
        for right in _products(at, "right"):
            other = _value(at, "left", next((a for a, b in partners.items() if b == right.name), ""))
            turned = left.matrix.T.shape == right.matrix.shape and distance(left.matrix.T, right.matrix) <= at.meets
            if other is None or not turned or partners.get(left.name) == right.name:
                continue
            own = _last(at, "left", left.matrix, left.start)
            met = _last(at, "right", left.matrix.T, other)
            if own is not None and met is not None:
                yield _said(at, left, right, own, met)


def _said(at: Hypothesis, left: _Product, right: _Product, own: tuple[Met, Met], met: tuple[Met, Met]) -> Explanation:
    """``own`` and ``met`` are the vectors of each side, that of its first product first: crosswise they correspond."""
    text = (
        f"the power iteration begins with {left.name} on the left, with {right.name} on the right: "
        "each computes its other vector from what came of the first"
    )
    (first, _), (second, _) = own
    found = at.held("spectral_norm.iteration", text, "left", left.op, met[1], at.output("left", first))
    return replace(found, also=((second.outputs[0], met[0][0].outputs[0]),))


def _products(at: Hypothesis, side: str) -> Iterator[_Product]:
    """The operations of a side's frontier that multiply a matrix by a vector that is the model's own."""
    graph, trace = at.graph(side), at.graph(side).trace
    for op in at.front(side):
        values = [trace.values.get(n) for n in op.inputs]
        if len(values) != 2 or any(value is None for value in values):
            continue
        for number, start, matrix in zip(op.inputs, values, reversed(values), strict=True):
            name = trace.parameter(graph.source(number))
            if name is None or start is None or matrix is None or matrix.ndim != 2 or start.size < 2:
                continue
            for laid in (matrix, matrix.T):
                vector = start.ravel()
                if laid.shape[1] != vector.size or laid.shape[0] != at.output(side, op).size:
                    continue
                if distance(laid @ vector, at.output(side, op).ravel()) <= at.meets:
                    yield _Product(op, name, laid, vector)
                    break


def _value(at: Hypothesis, side: str, name: str) -> Array | None:
    """The vector that a parameter is."""
    trace = at.graph(side).trace
    number = next((n for n in trace.values if trace.parameter(n) == name), None)
    return None if number is None else trace.values[number].ravel()


def _last(at: Hypothesis, side: str, matrix: Array, start: Array) -> tuple[Met, Met] | None:
    """What makes the last two vectors of an iteration on a side, ``matrix`` times another first; None where not."""
    found = None
    for _ in range(STEPS):
        first = _unit(matrix @ start)
        start = _unit(matrix.T @ first)
        met = at.found(side, first), at.found(side, start)
        if met[0] is None or met[1] is None:
            break
        found = met[0], met[1]
    return found


def _unit(vector: Array) -> Array:
    unit: Array = vector / max(float(np.linalg.norm(vector)), LEAST)
    return unit
