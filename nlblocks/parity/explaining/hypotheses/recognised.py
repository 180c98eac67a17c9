"""What both sides write out by hand, recognised by its values: GELU by erf on one and by tanh on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypotheses.attribute_values import AXES, EPSILONS, SLOPES
from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis, computed
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.findings import CAUSES
from nlblocks.parity.tracing import Op, vocabulary

FIRST = 64
"""Elements by which a function of single elements is told from others, before all are computed."""
ELEMENTWISE: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *(("gelu", {"approximate": how}) for how in ("none", "tanh", "sigmoid")),
    *((kind, {}) for kind in ("silu", "mish", "hard_swish", "softplus")),
    *(("hard_sigmoid", {"slope": slope, "offset": 0.5}) for slope in (1 / 6, 0.2)),
    *(("leaky_relu", {"slope": slope}) for slope in SLOPES),
)
ALONG_AXES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *((kind, {"axis": axis}) for kind in ("softmax", "log_softmax") for axis in AXES),
    *(("normalize", {"axis": axis, "p": p}) for axis in AXES for p in (2.0, 1.0)),
    *((kind, {"eps": eps}) for kind in ("layer_norm", "rms_norm") for eps in EPSILONS[:4]),
    *(("layer_norm", {"eps": eps, "ddof": 1, "outside": outside}) for eps in EPSILONS[:4] for outside in (False, True)),
)
"""What people write out, as operations and attributes; the likelier first."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A wrong result of an operation, and what it is as a function of one tensor."""

    op: Op
    kind: str
    attrs: Mapping[str, Any]
    gap: float


@hypothesis(
    "activation.kind", "gelu.approximate", "hard_sigmoid.slope", "layer_norm.eps", "leaky_relu.slope",
    "normalisation.kind", "normalisation.variance", "normalize.axis", "normalize.p", "operation.kind", "rms_norm.eps",
    "softmax.axis",
)  # fmt: skip
def recognised(at: Hypothesis) -> Iterator[Explanation]:
    """Two functions of one tensor, whatever they are written as."""
    starts = {n for op in at.front("left") for _, n in at.free_inputs("left", op)}
    for number in sorted(starts):
        for partner in at.alignment.to_right.get(number, ())[:1]:
            rights = list(_recognise(at, "right", partner))
            for mine in _recognise(at, "left", number):
                for theirs in rights:
                    if (mine.kind, mine.attrs) != (theirs.kind, theirs.attrs) and at.followed_alike(
                        "left", mine.op, theirs.op
                    ):
                        text = f"{_words(mine)} on the left, {_words(theirs)} on the right, each written out"
                        met = theirs.op, max(mine.gap, theirs.gap)
                        yield at.held(_cause(mine, theirs), text, "left", mine.op, met, between=True)


def _recognise(at: Hypothesis, side: str, number: int) -> Iterator[_Known]:
    """The wrong results of a side that are known functions of a tensor."""
    values = at.graph(side).trace.values
    x = values.get(number)
    if x is None or x.dtype.kind != "f" or not x.size:
        return
    found = [(op, values[op.outputs[0]]) for op in at.wrong_ops(side)]
    found = [(op, y) for op, y in found if y.shape == x.shape and y.dtype.kind == "f"]
    for op, y in found:
        known = next(_functions(at, x, y), None)
        if known is not None:
            yield _Known(op, *known)


def _functions(at: Hypothesis, x: Array, y: Array) -> Iterator[tuple[str, Mapping[str, Any], float]]:
    for kind, attrs in ELEMENTWISE:
        first = computed(kind, {"x": x.ravel()[:FIRST]}, attrs)
        if first is not None and distance(first, y.ravel()[:FIRST]) <= at.meets:
            yield from _whole(at, kind, attrs, x, y)
    for kind, attrs in ALONG_AXES:
        if attrs.get("axis", 0) < x.ndim:
            yield from _whole(at, kind, attrs, x, y)


def _whole(
    at: Hypothesis, kind: str, attrs: Mapping[str, Any], x: Array, y: Array
) -> Iterator[tuple[str, Mapping[str, Any], float]]:
    result = computed(kind, {"x": x}, attrs)
    gap = distance(result, y) if result is not None else at.meets + 1.0
    if gap <= at.meets:
        yield kind, attrs, gap


def _cause(mine: _Known, theirs: _Known) -> str:
    if mine.kind == theirs.kind:
        names = sorted(mine.attrs.keys() | theirs.attrs.keys())
        return CAUSES.of(mine.kind, next(n for n in names if mine.attrs.get(n) != theirs.attrs.get(n)))
    kinds = {mine.kind, theirs.kind}
    if kinds <= vocabulary.NORMALISATIONS:
        return "normalisation.kind"
    return "activation.kind" if kinds <= vocabulary.ACTIVATIONS | {"softmax", "log_softmax"} else "operation.kind"


def _words(known: _Known) -> str:
    attrs = ", ".join(f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
                      for name, value in known.attrs.items())  # fmt: skip
    return f"{known.kind.replace('_', ' ')}{f' of {attrs}' if attrs else ''}"
