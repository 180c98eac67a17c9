"""A constant that float32 rounded: one number, in Python or in a tensor, that came out otherwise on the other side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import EQUAL, HELPS
from nlblocks.parity.explaining.fit import NO_FACTOR, factor_between
from nlblocks.parity.explaining.hypotheses.attributes import OF_ONE_OPERATION
from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis, Met
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.findings import CAUSES
from nlblocks.parity.tracing import Op, vocabulary

SCALES: tuple[tuple[Callable[[float], float], Callable[[float], float]], ...] = (
    (lambda c: c, lambda scale: scale),
    (lambda c: 1 / c, lambda scale: 1 / scale),
    (lambda c: 1 - c, lambda scale: 1 - scale),
    (lambda c: 1 / (1 - c), lambda scale: 1 - 1 / scale),
)
"""What a constant scales by, and the constant again: itself, what is divided by it, what a rate keeps, or by that."""
ARGUMENTS = {
    ("mul", "x"),
    ("mul", "other"),
    ("div", "x"),
    ("div", "other"),
    ("dropout", "p"),
    ("dropout_channels", "p"),
}
"""The arguments that scale: a factor or divisor, and a rate."""
Sites = dict[float, list[tuple[Op, str | int]]]
"""Constants, and where each of them stands: as an argument of an operation, or as one of its results."""


@hypothesis(*OF_ONE_OPERATION)
def rounded(at: Hypothesis) -> Iterator[Explanation]:
    """Two constants that may be one number in float32: all that hangs on them is still judged."""
    yield from _arguments(at)
    yield from _scales(at)


def _arguments(at: Hypothesis) -> Iterator[Explanation]:
    """Arguments of two operations of a kind."""
    for op, other in itertools.product(at.front("left"), at.front("right")):
        names = [n for n in op.attrs if op.kind == other.kind and _apart(op, other, n)]
        if not names or not other.site or at.output("left", op).shape != at.output("right", other).shape:
            continue
        result = at.run(op, at.arrays("left", op), {**op.attrs, **{n: other.attrs[n] for n in names}})
        gap = np.inf if result is None else distance(result, at.output("right", other))
        if gap <= EQUAL:
            constants = tuple((other.site, n, op.attrs[n]) for n in names)
            values = op.attrs[names[0]], other.attrs[names[0]]
            yield _one(at, op, (other, gap), CAUSES.of(op.kind, names[0]), constants, values)


def _apart(op: Op, other: Op, name: str) -> bool:
    """Whether an attribute of both is a constant that only float32 holds apart."""
    a, b = op.attrs[name], other.attrs.get(name)
    scales = (op.kind, name) in ARGUMENTS
    return isinstance(a, float) and isinstance(b, float) and a != b and vocabulary.one_in_float32(a, b, scales=scales)


def _scales(at: Hypothesis) -> Iterator[Explanation]:
    """What two tensors are scaled by on their way, by a mask that is drawn, say: also where it is not one number."""
    found: list[Explanation] = []
    for op, other in itertools.product(at.wrong_ops("left"), at.wrong_ops("right")):
        mine, theirs = at.output("left", op), at.output("right", other)
        if mine.shape != theirs.shape or mine.dtype.kind != "f" or not (np.isfinite(mine).all() and mine.any()):
            continue
        times = factor_between(mine, theirs)
        gap = distance(mine * times, theirs) if 0 < abs(times - 1) <= NO_FACTOR else np.inf
        if gap > min(EQUAL, HELPS * abs(times - 1)):
            continue
        lefts, rights = (_constants(at, side, o) for side, o in (("left", op), ("right", other)))
        for (own, _), (their, sites) in itertools.product(lefts.items(), rights.items()):
            for value in _values(own, their, times):
                held = vocabulary.one_in_float32(value, their, scales=True)
                constants = tuple((o.site, where, value) for o, where in sites) if held else ()
                found.append(_one(at, op, (other, gap), "scale.factor", constants, (value, their)))
    yield from sorted(found, key=lambda one: not one.constants)


def _values(own: float, their: float, times: float) -> Iterator[float]:
    """The values in place of the right's constant by which it scales as the left's does."""
    for (scale, _), (theirs, back) in itertools.product(SCALES, SCALES):
        try:
            value, ratio = back(scale(own)), theirs(their) / scale(own)
        except ZeroDivisionError:
            continue
        if abs(ratio - times) <= HELPS * abs(times - 1):
            yield value


def _constants(at: Hypothesis, side: str, op: Op) -> Sites:
    """The constants by which a wrong tensor is made of right ones, and of what depends on no input."""
    graph, found = at.graph(side), Sites()
    queue, seen = [op], set[int]()
    while queue:
        current = queue.pop()
        if current.index in seen or not current.site or current.kind == vocabulary.RANDOM:
            continue
        seen.add(current.index)
        value = None if current.inputs else _held(graph.trace.values.get(current.outputs[0]))
        if value is not None:
            found.setdefault(value, []).append((current, 0))
            continue
        for name, attr in current.attrs.items():
            if isinstance(attr, float) and (current.kind, name) in ARGUMENTS:
                found.setdefault(attr, []).append((current, name))
        behind = [n for n in current.inputs if n in at.wrong[side] or n not in graph.live]
        queue += [graph.producer[n] for n in behind if n in graph.producer]
    return found


def _held(tensor: Array | None) -> float | None:
    """The number that a tensor holds in all of its elements; None where it holds others."""
    if tensor is None or not tensor.size or tensor.dtype.kind != "f" or (tensor != tensor.flat[0]).any():
        return None
    return float(tensor.flat[0])


def _one(
    at: Hypothesis,
    op: Op,
    met: Met,
    cause: str,
    constants: tuple[vocabulary.Constant, ...],
    values: tuple[float, float],
) -> Explanation:
    """A constant of ``values`` on both sides: one number in float32, if it may be given the right."""
    may = " may be one number in float32, which rounds it" if constants else ""
    text = f"{values[0]!r} on the left and {values[1]!r} on the right{may}: with the left's on the right"
    return at.held(cause, text, "left", op, met, constants=constants)
