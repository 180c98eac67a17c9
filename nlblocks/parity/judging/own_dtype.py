"""The models in float32: compared by their noise floors alone, and where one of them loses precision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import RATIO
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.failing import excuse
from nlblocks.parity.judging.gradients import compare_gradients
from nlblocks.parity.judging.outputs import compare_outputs, paired_outputs
from nlblocks.parity.judging.passes import OWN, Pass

JUMPING = 0.01
"""Share of a gradient's elements that a tie may move in float32, where float64 agrees."""


@dataclass(slots=True)
class Judged:
    """One mode: what was compared, found (notes on jumps, a fault where the two differ) and could not be judged."""

    comparisons: list[Comparison] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    undecided: list[tuple[str, str]] = field(default_factory=list)
    """(what, why) each."""


class OwnDtype:
    """Judges the models in float32, where float64 shows no difference.

    ``apart`` are buffers that are known to differ; ``exact`` tells for evaluation (False) and training (True) whether
    float64 could judge them.
    """

    def __init__(
        self, comparer: Comparer, why: Explainer, apart: set[str], exact: Collection[bool] = (False, True)
    ) -> None:
        self.comparer, self.why, self.pairs, self.apart, self.exact = comparer, why, why.pairs, apart, exact

    def judge(self, *, training: bool) -> Judged:
        """One mode."""
        phase: Phase = "float32 train" if training else "float32"
        runs = self.comparer.run(training=training, dtype=OWN, keep="results")
        judged = Judged()
        if runs.failing:
            what = runs.words if runs.stopped else f"the gradients in {OWN}"
            judged.undecided.append((what, excuse(self.comparer, runs)))
        if runs.stopped:
            return judged
        comparisons, lacking = self._compare(runs, phase)
        judged.comparisons = comparisons
        for index, found in enumerate(comparisons):
            note = None if found.passed or found.group != "grad_params" else self._jump(runs, phase, found)
            if note is not None:
                judged.findings.append(note)
                comparisons[index] = replace(found, accepted=True)
        failed = [c for c in comparisons if not c.passed]
        if lacking or not all(c.accepted for c in failed):
            del runs
            judged.findings.append(self._lost(training, phase, max(failed, key=lambda c: c.ratio, default=None)))
        return judged

    def _compare(self, runs: Pass, phase: Phase) -> tuple[list[Comparison], bool]:
        """Everything that a pass is judged by, and whether gradients lack on one side."""
        left, right = runs.left, runs.right
        found = compare_outputs(self.comparer, runs, phase, by_name=True)
        if not runs.training:
            return found, False
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        for name in sorted(set(theirs) - self.apart):
            mine, other = left.buffers_after[name], self.pairs.names.get(name)
            found.append(self.comparer.compare(phase, ("buffers", name), mine, theirs[name], runs, other=other))
        if runs.failing:
            return found, False
        gradients = compare_gradients(self.comparer, self.pairs, runs, phase)
        compared = {(c.group, c.name) for c in gradients.comparisons}
        groups = {"input": "grad_input", "parameter": "grad_params", "frozen": "frozen"}
        lacking = any((groups[kind], name) not in compared for kind, name in gradients.wrong)
        return found + gradients.comparisons, lacking

    def _jump(self, runs: Pass, phase: Phase, found: Comparison) -> Finding | None:
        """The note on a gradient that differs as nudges move it on one side, and in few elements only.

        A ReLU or maximum close to a tie falls on the other side: nudges show that on the side that is closer. It is
        said, and is no fault.
        """
        key, name = ("grad_params", found.name), found.name
        mine = runs.left.grad_params[name]
        theirs = self.pairs.mirrored(runs.right.grad_params, runs.left.grad_params)[name]
        apart = int((np.abs(mine - theirs) > RATIO * found.floor).sum())
        moved = RATIO * self.comparer.swing(key, runs, self.pairs.names.get(name))
        if found.difference.problem or found.difference.error > moved or apart > JUMPING * mine.size:
            return None
        text = f"the gradient of {name} jumps in {apart} of {mine.size} elements, as by a ReLU or maximum near a tie"
        return Finding(phase=phase, place="parameters", severity="note", explanation=text)

    def _lost(self, training: bool, phase: Phase, worst: Comparison | None) -> Finding:
        """Where a model's own dtype goes wrong: each side is run again, beside its own float64."""
        exact = training in self.exact
        head = f"{'float64 agrees, ' if exact else ''}{OWN}"
        text, error = f"{head} lacks a gradient", 1.0
        if worst is not None:
            error = worst.difference.relative
            where = f"{worst.group} {worst.name}".rstrip()
            apart = worst.difference.problem or f"{worst.ratio:.3g} noise floors ({error:.1e})"
            text = f"{head} differs by {apart} in the {where}"
        bare = Finding(
            phase=phase, place="output", cause="precision.float32" if exact else None, explanation=text, error=error
        )
        if not exact:
            return self._parting(training, phase, bare)
        sides = (("left", self.comparer.left), ("right", self.comparer.right))
        if not all(side.repeatable or side.run(training=training, dtype=OWN).whole for _, side in sides):
            return bare
        runs = (
            (name, side.run(training=training, keep="values"), side.run(training=training, dtype=OWN, keep="values"))
            for name, side in sides
        )
        return self.why.precision(phase, runs, text, error)

    def _parting(self, training: bool, phase: Phase, bare: Finding) -> Finding:
        """Where the two part by their float32 runs alone, if a known cause makes them meet; the bare finding else."""
        runs = self.comparer.run(training=training, dtype=OWN, keep="values")
        if runs.stopped or not (runs.left.whole and runs.right.whole):
            return bare
        pairs, found = paired_outputs(runs.left, runs.right), compare_outputs(self.comparer, runs, phase, by_name=True)
        wrong = [pair for pair, comparison in zip(pairs, found, strict=True) if not comparison.passed]
        if not wrong:
            return bare
        floor = max((c.floor / c.difference.scale for c in found if c.difference.scale), default=0.0)
        located = self.why.outputs(runs.left, runs.right, wrong, bare.error or 1.0, phase, floor).finding
        return located if located.cause is not None else bare
