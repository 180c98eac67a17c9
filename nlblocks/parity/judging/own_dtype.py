"""The models in float32: compared by their noise floors alone, and where one of them loses precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import RATIO
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.gradients import compare_gradients
from nlblocks.parity.judging.outputs import compare_outputs
from nlblocks.parity.judging.passes import Pass

DTYPE = "float32"
JUMPING = 0.01
"""Share of a gradient's elements that a tie may move in float32, where float64 agrees."""


JUMP = "a jump near a tie"
"""What a gradient that jumps differs by."""


class OwnDtype:
    """Judges the models in float32, where they agree in float64.

    ``apart`` is by how much buffers are known to differ: it is taken away, and the rest is judged. Nothing is left of
    one that is NaN or infinite on one side.
    """

    def __init__(self, comparer: Comparer, why: Explainer, apart: Mapping[str, Array]) -> None:
        self.comparer, self.why, self.pairs, self.apart = comparer, why, why.pairs, apart

    def judge(self, *, training: bool) -> tuple[list[Comparison], list[Finding]]:
        """What was compared in one mode, and what was found: notes on jumps, and a fault where the two differ."""
        phase: Phase = "float32 train" if training else "float32"
        runs = self.comparer.run(training=training, dtype=DTYPE, keep="results")
        for side, trace in (("left", runs.left), ("right", runs.right)):
            if trace.error:
                text = f"the {side} fails in {DTYPE}: {trace.error}"
                return [], [Finding(phase=phase, place="output", cause="input.rejected", explanation=text)]
        comparisons, lacking = self._compare(runs, phase)
        notes: list[Finding] = []
        for index, found in enumerate(comparisons):
            judged = found.passed or found.undecided or found.group != "grad_params"
            note = None if judged else self._jump(runs, phase, found)
            if note is not None:
                notes.append(note)
                comparisons[index] = replace(found, explained=(JUMP,), accepted=True)
        failed = [c for c in comparisons if not (c.passed or c.undecided or c.accepted)]
        if not (lacking or failed):
            return comparisons, notes
        del runs
        worst = max(failed, key=lambda c: (bool(c.difference.problem), c.ratio), default=None)
        return comparisons, [*notes, self._lost(training, phase, worst)]

    def _compare(self, runs: Pass, phase: Phase) -> tuple[list[Comparison], bool]:
        """Everything that a pass is judged by, and whether gradients lack on one side."""
        left, right = runs.left, runs.right
        found = compare_outputs(self.comparer, runs, phase, by_name=True)
        if not runs.training:
            return found, False
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        for name in sorted(theirs):
            mine, other = theirs.beside(name, left.buffers_after[name])
            apart, partner = self.apart.get(name, np.zeros(())), self.pairs.names.get(name)
            if np.isfinite(apart).all():
                found.append(self.comparer.compare(phase, ("buffers", name), mine + apart, other, runs, other=partner))
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
        theirs = self.pairs.mirrored(runs.right.grad_params, runs.left.grad_params)
        mine, other = theirs.beside(name, runs.left.grad_params[name])
        apart = int((np.abs(mine - other) > RATIO * found.floor).sum())
        moved = RATIO * self.comparer.swing(key, runs, self.pairs.names.get(name))
        if found.difference.problem or found.difference.error > moved or apart > JUMPING * mine.size:
            return None
        text = f"the gradient of {name} jumps in {apart} of {mine.size} elements, as by a ReLU or maximum near a tie"
        return Finding(phase=phase, place="parameters", severity="note", explanation=text)

    def _lost(self, training: bool, phase: Phase, worst: Comparison | None) -> Finding:
        """Where a model's own dtype goes wrong: each side is run again, beside its own float64."""
        text, error = f"float64 agrees, {DTYPE} lacks a gradient", 1.0
        if worst is not None:
            error = worst.difference.relative
            where = f"{worst.group} {worst.name}".rstrip()
            apart = worst.difference.problem or f"{worst.ratio:.3g} noise floors ({error:.1e})"
            text = f"float64 agrees, {DTYPE} differs by {apart} in the {where}"
        if not self.comparer.right.repeatable:
            return Finding(phase=phase, place="output", cause="precision.float32", explanation=text, error=error)
        sides = (("left", self.comparer.left), ("right", self.comparer.right))
        runs = (
            (name, side.run(training=training, keep="values"), side.run(training=training, dtype=DTYPE, keep="values"))
            for name, side in sides
        )
        return self.why.precision(phase, runs, text, error)
