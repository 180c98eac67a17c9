"""What is left behind after a training pass or several: why running statistics, or trained weights, differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.parity.explaining.attribute_values import differing
from nlblocks.parity.findings.finding import Finding
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.parity.tracing.trace import Op, Trace

MEETS = 1e-6
TRAINED = 1e-5
"""A weight that differs by more than this share of the way it went is not rounding (Paddle's float32 settings are)."""


def explain_buffer(
    name: str, right_name: str, layers: tuple[str, str], before: Array, left: Trace, right: Trace, theirs: Array
) -> Finding:
    """The finding for a running statistic that differs: momentum, variance estimator, or unknown."""
    mine = left.buffers_after[name]
    gap = distance(mine, theirs)
    cause, rest, text = None, gap, f"{name} differs by {gap:.1e} after one pass"
    for tried, value, words in _hypotheses(name, right_name, before, left, right, theirs):
        after = distance(value, theirs)
        if after <= MEETS and after <= 1e-2 * gap:
            cause, rest, text = tried, after, f"{words}; so the difference falls from {gap:.0e} to {after:.0e}"
            break
    return Finding(
        phase="buffers",
        place="buffers",
        layer_left=layers[0],
        layer_right=layers[1],
        cause=cause,
        explanation=text,
        error=gap,
        error_explained=rest if cause else None,
    )


def _hypotheses(
    name: str, right_name: str, before: Array, left: Trace, right: Trace, theirs: Array
) -> Iterator[tuple[str, Array, str]]:
    """(cause, what the left would hold, words)."""
    mine = left.buffers_after[name]
    op, partner = _user(left, name), _user(right, right_name)
    went, goes = mine - before, theirs - before
    factor = float((went * goes).sum() / max((went * went).sum(), 1e-300))
    variance = list(_estimators(name, before, left, right, op, partner))
    momentum = differing(op, partner).get("momentum") if op is not None and partner is not None else None
    words = f"the right moves its running statistics {factor:.6g} times as far as the left"
    if momentum is not None:
        words = f"momentum (weight of the new statistic): {momentum[0]:.6g} on the left, {momentum[1]:.6g} on the right"
    if momentum is None:
        yield from variance
    if abs(factor - 1) > 1e-6:
        yield "batch_norm.momentum", before + went * factor, words
    if momentum is None:
        return
    for _, value, more in variance:
        yield (
            "batch_norm.momentum",
            before + (value - before) * momentum[1] / (momentum[0] or 1.0),
            f"{words}, and {more}",
        )


def _estimators(
    name: str, before: Array, left: Trace, right: Trace, op: Op | None, partner: Op | None
) -> Iterator[tuple[str, Array, str]]:
    """The other estimator of the variance, by the number of values that went into it."""
    known = op or partner
    if known is None or not name.endswith("running_var"):
        return
    trace = left if op is not None else right
    shape = trace.shape(known.inputs[0])
    if shape is None:
        return
    count = math.prod(shape) // shape[1]
    keep = (1 - float(known.attrs.get("momentum", 0.1))) * before
    mine = left.buffers_after[name]
    for ratio, names in (
        ((count - 1) / count, ("unbiased", "biased")),
        (count / max(count - 1, 1), ("biased", "unbiased")),
    ):
        yield (
            "batch_norm.variance",
            keep + (mine - keep) * ratio,
            f"variance kept as running statistic: {names[0]} on the left, {names[1]} on the right (N = {count})",
        )


def _user(trace: Trace, name: str) -> Op | None:
    """The batch normalisation that uses a running statistic, or the first parameter operation of its layer."""
    for op in trace.ops:
        if op.kind == "batch_norm" and any(trace.parameter(n) == name for n in op.inputs):
            return op
    scope = name.rpartition(".")[0]
    return next((op for op in trace.ops if op.kind == "batch_norm" and op.scope == scope), None)


def explain_training(
    pairs: Pairing,
    left: list[dict[str, Array]],
    right: list[dict[str, Array]],
    before: State,
    noise: Mapping[str, float],
    steps: list[tuple[int, float, str]],
) -> Finding | None:
    """The finding for weights that train apart; appends (step, difference, tensor) to ``steps``.

    ``noise`` is how far gradients may be apart, relative to their scale; those that are nothing else go where they
    like and are left out.
    """
    owner = {ref.name: (a, b) for ref, _, role, a, b in pairs.roles() if not role.startswith("running")}
    last_mine, last_other = before, before
    for step, (mine, theirs) in enumerate(zip(left, right, strict=True), 1):
        other = pairs.mirrored(theirs, mine)
        gaps: dict[str, float] = {}
        for name in mine:
            if name not in owner or name not in other or noise.get(name, 0.0) >= 1.0:
                continue
            known = np.isfinite(other[name])
            way = max(
                float(np.abs(mine[name] - before[name]).max(initial=0.0)),
                float(np.abs(other[name] - before[name])[known].max(initial=0.0)),
            )
            gaps[name] = float(np.abs(mine[name] - other[name])[known].max(initial=0.0)) / way if way else 0.0
        worst = max(gaps, key=lambda n: gaps[n], default="")
        steps.append((step, gaps.get(worst, 0.0), worst))
        apart = [name for name in owner if gaps.get(name, 0.0) > max(TRAINED, noise.get(name, 0.0))]
        if apart:
            cause, text = _training_cause(step, apart, mine, other, last_mine, last_other)
            name = (
                apart[0] if cause != "optimiser.gradients_kept" else _still(apart, mine, other, last_mine, last_other)
            )
            a, b = owner[name]
            return Finding(
                phase="training",
                place="parameters",
                layer_left=a.name,
                layer_right=b.name,
                cause=cause,
                error=gaps[name],
                explanation=f"after step {step} {name} is {gaps[name]:.1e} of its way apart; {text}",
            )
        last_mine, last_other = mine, other
    return None


def _training_cause(
    step: int, apart: list[str], mine: State, other: State, last_mine: State, last_other: State
) -> tuple[str, str]:
    if _still(apart, mine, other, last_mine, last_other):
        return "optimiser.gradients_kept", (
            "one side does not move it at all in this step and the other does: a gradient that is zero, not absent, "
            "lets momentum and decay act"
        )
    if step == 1:
        return "optimiser.settings", "the first step already differs, so its size or its rule does"
    ratios = []
    for name in apart:
        go, goes = mine[name] - last_mine[name], other[name] - last_other[name]
        ratio = float((go * goes).sum() / max((go * go).sum(), 1e-300))
        ratios.append((ratio, distance(go * ratio, goes)))
    same = max(r for r, _ in ratios) - min(r for r, _ in ratios) <= 1e-3 * abs(ratios[0][0])
    if same and all(rest < 1e-3 for _, rest in ratios):
        return "optimiser.settings", (
            f"earlier steps agree and this one is {ratios[0][0]:.6g} times as long for every tensor: "
            "another learning rate"
        )
    return "optimiser.momentum", "earlier steps agree, so what the optimiser remembers of them differs"


def _still(apart: list[str], mine: State, other: State, last_mine: State, last_other: State) -> Any:
    """The first tensor that only one side moves; "" where both move all."""
    for name in apart:
        moves = [bool((now[name] != last[name]).any()) for now, last in ((mine, last_mine), (other, last_other))]
        if moves[0] != moves[1]:
            return name
    return ""
