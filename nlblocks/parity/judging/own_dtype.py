"""The models in float32: compared by their noise floors alone, and where one of them loses precision."""

from __future__ import annotations

from dataclasses import replace

from nlblocks.numerics import Comparison
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.gradients import compare_gradients, near_ties
from nlblocks.parity.judging.outputs import compare_outputs
from nlblocks.parity.judging.passes import Pass

DTYPE = "float32"
JUMPING = 0.01
"""Share of a gradient's elements that a tie may move in float32, where float64 agrees."""


class OwnDtype:
    """Judges the models in float32, where they agree in float64. ``apart`` are buffers that are known to differ."""

    def __init__(self, comparer: Comparer, why: Explainer, apart: set[str]) -> None:
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
        comparisons, notes = self._near_ties(runs, phase, comparisons)
        failed = [c for c in comparisons if not c.passed and not c.undecided]
        if not lacking and all(c.accepted for c in failed):
            return comparisons, notes
        del runs
        return comparisons, [*notes, self._lost(training, phase, max(failed, key=lambda c: c.ratio, default=None))]

    def _compare(self, runs: Pass, phase: Phase) -> tuple[list[Comparison], bool]:
        """Everything that a pass is judged by, and whether gradients lack on one side."""
        left, right = runs.left, runs.right
        found = compare_outputs(self.comparer, runs, phase)
        if not runs.training:
            return found, False
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        for name in sorted(set(theirs) - self.apart):
            found.append(self.comparer.compare(phase, ("buffers", name), left.buffers_after[name], theirs[name], runs))
        gradients = compare_gradients(self.comparer, self.pairs, runs, phase)
        compared = {(c.group, c.name) for c in gradients.comparisons}
        groups = {"input": "grad_input", "parameter": "grad_params", "frozen": "frozen"}
        lacking = any((groups[kind], name) not in compared for kind, name in gradients.wrong)
        return found + gradients.comparisons, lacking

    def _near_ties(
        self, runs: Pass, phase: Phase, comparisons: list[Comparison]
    ) -> tuple[list[Comparison], list[Finding]]:
        """The comparisons with those accepted that differ only by what falls on either side of a tie, and the notes."""
        if all(c.passed or c.undecided for c in comparisons):
            return comparisons, []
        alike = self.comparer.decided_alike(runs)
        if alike is not None:
            met = {(c.group, c.name) for c in self._compare(alike.runs, phase)[0] if c.passed}
            notes = near_ties(comparisons, met, alike.where, phase)
            comparisons = [
                replace(c, accepted=not c.passed and not c.undecided and (c.group, c.name) in met) for c in comparisons
            ]
        else:
            notes = []
        for index, found in enumerate(comparisons):
            if found.passed or found.undecided or found.accepted or found.group != "grad_params":
                continue
            note, undecided = self._jump(runs, phase, found)
            notes += note
            comparisons[index] = replace(found, accepted=bool(note), undecided=undecided)
        return comparisons, notes

    def _jump(self, runs: Pass, phase: Phase, found: Comparison) -> tuple[list[Finding], str]:
        """The note on a gradient in few elements of which the sides differ, each as far as nudges move it.

        A ReLU or maximum close to a tie falls on the other side: nudges show that on the side that is closer. It is
        said, and is no fault. Where more elements jump, the others do not tell whether the rest is right: that is what
        is said then.
        """
        key, name = ("grad_params", found.name), found.name
        mine = runs.left.grad_params[name]
        theirs = self.pairs.mirrored(runs.right.grad_params, runs.left.grad_params)[name]
        if found.difference.problem or mine.shape != theirs.shape:
            return [], ""
        apart, shown = self.comparer.jumping(key, mine, theirs, runs)
        if not shown:
            return [], ""
        where = f"in {apart} of {mine.size} elements, as by a ReLU or maximum near a tie; a nudge moves each as far"
        if apart > JUMPING * mine.size:
            return [], f"it jumps {where}"
        text = f"the gradient of {name} jumps {where}"
        return [Finding(phase=phase, place="parameters", severity="note", explanation=text)], ""

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
