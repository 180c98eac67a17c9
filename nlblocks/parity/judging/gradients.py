"""The verdict on a backward pass: gradients of inputs and parameters, and where they part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.explaining import Explainer, GradientLocated
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Trace

TIE = "what falls on either side of a tie"
"""What a tensor differs by that agrees where both sides decide alike."""
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
    found: list[Comparison] = []
    wrong: Wrong = []
    sent, returned = left.grad_inputs, right.grad_inputs
    at_inputs = ((("grad_input", name), (sent[name], returned[name])) for name in sent if name in returned)
    own = ((("grad_params", n), theirs.beside(n, value)) for n, value in left.grad_params.items() if n in theirs)
    comparer.expect(chain(at_inputs, own), runs)
    for name in sorted(set(left.grad_inputs) | set(right.grad_inputs)):
        a, b = left.grad_inputs.get(name), right.grad_inputs.get(name)
        if a is not None and b is not None:
            found.append(comparer.compare(phase, ("grad_input", name), a, b, runs))
        if (a is None or b is None) and int(name) in (left if a is None else right).labels:
            continue  # a loss's label on that side, of which it wants no gradient
        if a is None or b is None or not (found[-1].passed or found[-1].undecided):
            wrong.append(("input", name))
    for name in left.state:
        if name not in left.grad_params or name not in theirs:
            continue
        mine, other = theirs.beside(name, left.grad_params[name])
        known = theirs.known.get(name)
        found.append(comparer.compare(phase, ("grad_params", name), mine, other, runs, where=known))
        if not (found[-1].passed or found[-1].undecided):
            wrong.append(("parameter", name))
    return Gradients(found, wrong + [("frozen", name) for name in _on_one_side(pairs, left, right)])


def _on_one_side(pairs: Pairing, left: Trace, right: Trace) -> list[str]:
    """The left's parameters of which some part has a gradient on one side only; one of zeros is none."""
    found: dict[str, None] = {}
    for a, b, *_ in pairs.roles():
        sides = ((a, left.grad_params), (b, right.grad_params))
        there = [ref.read(gradients) for ref, gradients in sides if ref.name in gradients]
        if len(there) == 1 and there[0].any():
            found[a.name] = None
    return list(found)


def spoilt(comparisons: Sequence[Comparison]) -> dict[tuple[str, str], str]:
    """The gradients, as ``Wrong`` names them, that are NaN or infinite where the other side's are not: and where."""
    kinds = {"grad_input": "input", "grad_params": "parameter"}
    return {(kinds[c.group], c.name): c.difference.problem for c in comparisons if c.difference.spoilt}


def at_ties(comparisons: Iterable[Comparison], met: Collection[tuple[str, str]]) -> list[Comparison]:
    """The comparisons, of which those that differ and ``met`` where the right decides as the left are at a tie."""
    return [
        replace(c, explained=(TIE,), accepted=True) if (c.group, c.name) in met and not (c.passed or c.undecided) else c
        for c in comparisons
    ]


def near_ties(
    comparisons: Sequence[Comparison], met: Collection[tuple[str, str]], words: str, phase: Phase
) -> list[Finding]:
    """The note on tensors that differ, and meet where both sides fall on the same side of thresholds and ties."""
    failed = [c for c in comparisons if not c.passed and not c.undecided and (c.group, c.name) in met]
    if not failed:
        return []
    text = (
        f"{len(failed)} tensor{'s differ' if len(failed) > 1 else ' differs'} because rounding puts numbers on either "
        f"side of a threshold or tie, {words}"
    )
    return [Finding(phase=phase, place="output", severity="note", explanation=text)]


def frozen(pairs: Pairing, runs: Pass, wrong: Wrong) -> Iterator[Finding]:
    """Parameters that are trained on one side only."""
    owner = {a.refs[role].name: (a, b) for a, b in pairs.pairs for role in a.refs}
    for kind, name in wrong:
        partners = {runs.right.state[b.name].trainable for a, b, *_ in pairs.roles() if a.name == name}
        if kind == "frozen" and partners != {runs.left.state[name].trainable}:
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


def without_gradient(runs: Pass) -> Finding:
    """The fault of a side none of whose outputs has a gradient, where the other's have."""
    side, other = ("left", "right") if runs.right.differentiated else ("right", "left")
    text = f"no output of the {side} has a gradient, and the {other}'s have"
    return Finding(phase="backward", place="output", cause="gradient.detached", explanation=text, error=1.0)


def where_gradients_part(
    left: Trace, right: Trace, why: Explainer, wrong: Wrong, comparisons: Sequence[Comparison]
) -> GradientLocated | Finding:
    """The finding, from runs whose values were kept; a bare one where the traces show no place.

    What passed in the ``comparisons`` of the gradients tells what is rounding on the way. NaN and infinity come first.
    """
    problems = spoilt(comparisons)
    broken = [one for one in wrong if one in problems]
    wrong = broken or wrong
    error = max((c.difference.relative for c in comparisons if not c.passed and not c.undecided), default=1.0)
    rounded = [c for c in comparisons if c.passed and not c.zero]
    worst = max((c.difference.relative for c in rounded), default=0.0)
    origins = {f"{'input' if kind == 'input' else 'parameter'}:{name}" for kind, name in wrong}
    found = why.gradients(left, right, origins, error, max(CEILING, min(10 * worst, error / 10)))
    if found is not None and (not broken or found.finding.cause == "values.not_finite"):
        return found
    owner = {a.refs[role].name: (a, b) for a, b in why.pairs.pairs for role in a.refs}
    name = wrong[0][1]
    text = f"gradient of {name} differs"
    if broken:
        text = f"gradient of {name}: {problems[wrong[0]]}"
    first, second = owner.get(name, (None, None))
    return Finding(
        phase="backward",
        place="parameters",
        layer_left=first.name if first else "",
        layer_right=second.name if second else "",
        cause="values.not_finite" if broken else None,
        explanation=text,
        error=error,
    )
