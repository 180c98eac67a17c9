"""The verdict on a backward pass: gradients of inputs and parameters, and where they part."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.explaining import Explainer, GradientLocated
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Trace

Wrong = list[tuple[str, str]]
"""("input", "parameter" or "frozen", name) of gradients that differ."""


@dataclass(frozen=True, slots=True)
class Gradients:
    """Every gradient of a pass compared, and those that differ: some have nothing to be compared with."""

    comparisons: list[Comparison]
    wrong: Wrong


def compare_gradients(comparer: Comparer, pairs: Pairing, runs: Pass, phase: Phase = "backward") -> Gradients:
    """Compare the gradients of all inputs and paired parameters."""
    left, right = runs.left, runs.right
    shapes = {name: np.broadcast_to(0.0, t.shape) for name, t in left.state.items()}
    theirs = pairs.mirrored(right.grad_params, {**shapes, **left.grad_params})
    paired = {str(a) for a, *_ in pairs.roles()}
    found: list[Comparison] = []
    wrong: Wrong = []
    for name in sorted(set(left.grad_inputs) | set(right.grad_inputs)):
        a, b = left.grad_inputs.get(name), right.grad_inputs.get(name)
        if a is not None and b is not None:
            found.append(comparer.compare(phase, ("grad_input", name), a, b, runs))
        if a is None or b is None or not (found[-1].passed or found[-1].undecided):
            wrong.append(("input", name))
    for name in left.state:
        mine, other = left.grad_params.get(name), theirs.get(name)
        if mine is None and other is None:
            continue
        if mine is None or other is None:
            if name in paired and not _zero(mine if mine is not None else other):
                wrong.append(("frozen", name))
            continue
        known = None
        if np.isnan(other).any():  # rows without a partner
            known = np.isfinite(other)
            mine, other = mine[known], other[known]
        found.append(comparer.compare(phase, ("grad_params", name), mine, other, runs, where=known))
        if not (found[-1].passed or found[-1].undecided):
            wrong.append(("parameter", name))
    return Gradients(found, wrong)


def near_ties(
    comparisons: Sequence[Comparison], met: Collection[tuple[str, str]], where: str, phase: Phase
) -> list[Finding]:
    """The note on tensors that differ, and meet where both sides fall on the same side of thresholds and ties."""
    failed = [c for c in comparisons if not c.passed and not c.undecided and (c.group, c.name) in met]
    if not failed:
        return []
    text = (
        f"{len(failed)} tensor{'s differ' if len(failed) > 1 else ' differs'} because rounding puts numbers on either "
        f"side of a threshold or tie, at {where}; where the right decides as the left does, they agree"
    )
    return [Finding(phase=phase, place="output", severity="note", explanation=text)]


def frozen(pairs: Pairing, runs: Pass, wrong: Wrong) -> Iterator[Finding]:
    """Parameters that are trained on one side only."""
    owner = {a.refs[role].name: (a, b) for a, b in pairs.pairs for role in a.refs}
    for kind, name in wrong:
        other = runs.right.state.get(pairs.names.get(name, ""))
        if kind == "frozen" and runs.left.state[name].trainable != bool(other and other.trainable):
            a, b = owner[name]
            yield Finding(
                phase="backward",
                place="parameters",
                layer_left=a.name,
                layer_right=b.name,
                cause="gradient.frozen",
                explanation=f"{name} is trained on one side only",
                error=1.0,
            )


def where_gradients_part(
    left: Trace, right: Trace, why: Explainer, wrong: Wrong, comparisons: Sequence[Comparison]
) -> GradientLocated | Finding:
    """The finding, from runs whose values were kept; a bare one where the traces show no place.

    What passed in the ``comparisons`` of the gradients tells what is rounding on the way.
    """
    error = max((c.difference.relative for c in comparisons if not c.passed and not c.undecided), default=1.0)
    rounded = [c for c in comparisons if c.passed and not c.zero]
    worst = max((c.difference.relative for c in rounded), default=0.0)
    origins = {f"{'input' if kind == 'input' else 'parameter'}:{name}" for kind, name in wrong}
    found = why.gradients(left, right, origins, error, max(CEILING, min(10 * worst, error / 10)))
    if found is not None:
        return found
    owner = {a.refs[role].name: (a, b) for a, b in why.pairs.pairs for role in a.refs}
    name = wrong[0][1]
    first, second = owner.get(name, (None, None))
    return Finding(
        phase="backward",
        place="parameters",
        layer_left=first.name if first else "",
        layer_right=second.name if second else "",
        explanation=f"gradient of {name} differs",
        error=error,
    )


def _zero(array: Array | None) -> bool:
    return array is None or not np.nan_to_num(array).any()
