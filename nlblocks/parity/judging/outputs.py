"""Which output of one model is which of the other, and how their structures differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison, distance
from nlblocks.numerics.tolerance import EQUAL, MODEL_LIMIT
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, TraceGraph

MASKS = {"mask", "causal_mask", "masked_fill", "where", "constant", "full", "full_like", "triu", "tril"}
"""What is infinite on purpose."""


def paired_outputs(left: Trace, right: Trace) -> list[tuple[str, str]]:
    """By name where they share any, else in order."""
    a, b = list(left.outputs), list(right.outputs)
    return [(name, name) for name in a if name in b] if set(a) & set(b) else list(zip(a, b, strict=False))


def compare_outputs(comparer: Comparer, runs: Pass, phase: Phase) -> list[Comparison]:
    """Every output of the left beside its partner."""
    left, right = runs.left, runs.right
    return [
        comparer.compare(phase, ("output", a), left.output(a), right.output(b), runs, other=b)
        for a, b in paired_outputs(left, right)
    ]


def structure(left: Trace, right: Trace, pairs: Pairing, phase: Phase) -> Iterator[Finding]:
    """Outputs in another structure or order, of another dtype or shape."""

    def finding(x: str, y: str, cause: str, text: str) -> Finding:
        """Between the layer that makes an output and the output."""
        mine, theirs = (
            TraceGraph(trace).layer_of_output(name) if name in trace.outputs else ""
            for trace, name in ((left, x), (right, y))
        )
        scopes = {a.name: b.name for a, b in pairs.pairs}
        after = (mine or {b: a for a, b in scopes.items()}.get(theirs, ""), theirs or scopes.get(mine, ""))
        return Finding(phase=phase, place="between", cause=cause, explanation=text, after=after)

    a, b = list(left.outputs), list(right.outputs)
    matched = paired_outputs(left, right)
    if a != b and len(a) == len(b) == 1:
        text = f"the left returns {_listed(a)}, the right {_listed(b)}; that one tensor is compared"
        if phase == "eval forward":  # said once
            yield Finding(phase=phase, place="output", severity="note", explanation=text)
    elif sorted(a) != sorted(b):
        alone = [[n for n in names if n not in {p[i] for p in matched}] for i, names in enumerate((a, b))]
        yield finding(
            next(iter(alone[0]), ""), next(iter(alone[1]), ""), "output.structure",
            f"the left returns {_listed(a)}, the right {_listed(b)}",
        )  # fmt: skip
    for x, y in matched:
        dtypes = left.output_dtypes[x], right.output_dtypes[y]
        if dtypes[0] != dtypes[1]:
            yield finding(x, y, "output.dtype", f"output {x} is {dtypes[0]} on the left, {dtypes[1]} on the right")
        mine, theirs = left.output(x), right.output(y)
        same_shape = mine.shape == theirs.shape
        reshaped = not same_shape and mine.size == theirs.size
        if reshaped and distance(mine, theirs, layout="any", enough=MODEL_LIMIT) <= MODEL_LIMIT:
            text = f"output {x} is {list(mine.shape)} on the left, {list(theirs.shape)} on the right; same values"
            yield finding(x, y, "output.shape", text)
        others = [n for n in b if n != y and right.output(n).shape == mine.shape]
        swapped = next((n for n in others if distance(mine, right.output(n)) <= MODEL_LIMIT), None)
        if swapped is not None and not (same_shape and distance(mine, theirs) <= MODEL_LIMIT):
            text = f"output {x} of the left is output {swapped} of the right"
            yield finding(x, swapped, "output.structure", text)


def _listed(outputs: list[str]) -> str:
    """The tensors that a model returns, by their paths."""
    if outputs == [""]:
        return "a bare tensor"
    return f"{len(outputs)} tensor{'s' * (len(outputs) != 1)} ({', '.join(outputs)})"


def finite(trace: Trace) -> bool:
    """Whether all outputs are."""
    return all(bool(np.isfinite(trace.values[n]).all()) for n in trace.outputs.values())


def first_not_finite(trace: Trace, other: Trace | None = None) -> Op | None:
    """The first operation that makes NaN or infinity of finite numbers, if an output holds any.

    Where the ``other`` side makes the same result too, it comes after those that it does not make.
    """
    if finite(trace):
        return None
    bad: set[int] = set()
    first: Op | None = None
    for op in trace.ops:
        for number in op.outputs:
            value = trace.values.get(number)
            if value is None or np.isfinite(value).all() or (op.kind in MASKS and not np.isnan(value).any()):
                continue
            if other is not None and _made(value, other):
                first = first or op
                continue
            if not any(n in bad for n in op.inputs):
                return op
            bad.add(number)
    return first


def not_finite_alike(output: Comparison, why: Explainer, side: Side, right: Trace, phase: Phase) -> Iterator[Finding]:
    """Where NaN and infinity that an output of both sides holds come from: seen on the left ``side``."""
    left = side.run(training=False, keep="values")
    op = first_not_finite(left)
    if op is not None:
        text = f"both sides have NaN or infinity from {op} on: in the output {output.difference.not_finite}"
        yield replace(why.not_finite(left, right, "left", op, phase), explanation=text, severity="note")


def _made(value: Array, trace: Trace) -> bool:
    """Whether a run holds this value too."""
    return any(v.shape == value.shape and distance(v, value) <= EQUAL for v in trace.values.values())
