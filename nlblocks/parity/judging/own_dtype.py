"""The models in float32: compared by their noise floors alone, and where one of them loses precision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import FEW_NUDGES, LADDER, RATIO
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.failing import excuse
from nlblocks.parity.judging.gradients import TIE, at_ties, compare_gradients, near_ties
from nlblocks.parity.judging.outputs import compare_outputs, paired_outputs
from nlblocks.parity.judging.passes import OWN, Pass

FAR = 4.0
"""A tensor this many times beyond what passes after the first nudge is at a tie, or differs: a second moves it about as
far. Where one is, it is asked before whether ties are all; where none is, a second nudge may be all it takes."""
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


    ``apart`` is by how much buffers are known to differ: it is taken away, and the rest is judged. Nothing is left of
    one that is NaN or infinite on one side. ``exact`` tells for evaluation (False) and training (True) whether float64
    could judge them.
    """

    def __init__(
        self, comparer: Comparer, why: Explainer, apart: Mapping[str, Array], exact: Collection[bool] = (False, True)
    ) -> None:
        self.comparer, self.why, self.pairs, self.apart, self.exact = comparer, why, why.pairs, apart, exact

    def judge(self, *, training: bool) -> Judged:
        """One mode."""
        phase: Phase = "float32 train" if training else "float32"
        runs = self.comparer.run_deciding(training=training, dtype=OWN, keep="results")
        judged = Judged()
        if runs.failing:
            what = runs.words if runs.stopped else f"the gradients in {OWN}"
            judged.undecided.append((what, excuse(self.comparer, runs)))
        if runs.stopped:
            return judged
        for most in LADDER:  # most of what fails is at a tie, and more nudges cost the most
            comparisons, lacking = self._compare(self.comparer.asking(most), runs, phase)
            failed = [c for c in comparisons if not (c.passed or c.undecided)]
            if most == FEW_NUDGES and failed and max(c.ratio for c in failed) <= FAR * RATIO:
                continue
            judged.comparisons, judged.findings = self._near_ties(runs, phase, comparisons, most)
            if all(c.passed or c.accepted for c in judged.comparisons):
                break
        self._jumping(runs, phase, judged)
        failed = [c for c in judged.comparisons if not (c.passed or c.undecided or c.accepted)]
        if lacking or failed:
            del runs
            worst = max(failed, key=lambda c: (bool(c.difference.problem), c.ratio), default=None)
            judged.findings.append(self._lost(training, phase, worst))
        self.comparer.forget()
        return judged

    def _compare(self, comparer: Comparer, runs: Pass, phase: Phase) -> tuple[list[Comparison], bool]:
        """Everything that a pass is judged by, and whether gradients lack on one side."""
        left, right = runs.left, runs.right
        found = compare_outputs(comparer, runs, phase)
        if not runs.training:
            return found, False
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        for name in sorted(theirs):
            mine, other = theirs.beside(name, left.buffers_after[name])
            apart, where = self.apart.get(name, np.zeros(())), theirs.known.get(name)
            if np.isfinite(apart).all():
                found.append(comparer.compare(phase, ("buffers", name), mine + apart, other, runs, where=where))
        if runs.failing:
            return found, False
        gradients = compare_gradients(comparer, self.pairs, runs, phase)
        compared = {(c.group, c.name) for c in gradients.comparisons}
        groups = {"input": "grad_input", "parameter": "grad_params", "frozen": "frozen"}
        lacking = any((groups[kind], name) not in compared for kind, name in gradients.wrong)
        return found + gradients.comparisons, lacking

    def _near_ties(
        self, runs: Pass, phase: Phase, comparisons: list[Comparison], most: int
    ) -> tuple[list[Comparison], list[Finding]]:
        """The comparisons with those accepted that differ only by what falls on either side of a tie, and the notes."""
        notes: list[Finding] = []
        if not all(c.passed or c.undecided for c in comparisons):
            alike = self.comparer.decided_alike(runs)
            if alike is not None:
                met = self._met(self.comparer.asking(most), alike.runs, phase)
                notes += near_ties(comparisons, met, alike.words, phase)
                comparisons = at_ties(comparisons, met)
        if most > FEW_NUDGES and runs.training in self.exact and not all(c.passed or c.accepted for c in comparisons):
            exactly = self.comparer.exactly(runs)
            if exactly is not None:
                held, alike = exactly
                met = self._met(held.asking(most), alike.runs, phase)
                comparisons = [replace(c, undecided="") if (c.group, c.name) in met else c for c in comparisons]
                notes += near_ties(comparisons, met, alike.words, phase)
                comparisons = at_ties(comparisons, met)
        return comparisons, notes

    def _jumping(self, runs: Pass, phase: Phase, judged: Judged) -> None:
        """Accept the gradients that differ by no more than jumps that nudges show, and say so."""
        for index, found in enumerate(judged.comparisons):
            if found.passed or found.undecided or found.accepted or found.group != "grad_params":
                continue
            note, undecided = self._jump(runs, phase, found)
            judged.findings += note
            tied = replace(found, explained=(TIE,), accepted=True)
            judged.comparisons[index] = tied if note else replace(found, undecided=undecided)

    def _met(self, comparer: Comparer, runs: Pass, phase: Phase) -> set[tuple[str, str]]:
        """What agrees in a pass in which both sides decide alike."""
        return {(c.group, c.name) for c in self._compare(comparer, runs, phase)[0] if c.passed}

    def _jump(self, runs: Pass, phase: Phase, found: Comparison) -> tuple[list[Finding], str]:
        """The note on a gradient in few elements of which the sides differ, each as far as nudges move it.

        A ReLU or maximum close to a tie falls on the other side: nudges show that on the side that is closer. It is
        said, and is no fault. Where more elements jump, the others do not tell whether the rest is right: that is what
        is said then.
        """
        key, name = ("grad_params", found.name), found.name
        theirs = self.pairs.mirrored(runs.right.grad_params, runs.left.grad_params)
        mine, other = theirs.beside(name, runs.left.grad_params[name])
        if found.difference.problem or mine.shape != other.shape:
            return [], ""
        apart, shown = self.comparer.jumping(key, mine, other, runs, theirs.known.get(name))
        if not shown:
            return [], ""
        where = f"in {apart} of {mine.size} elements, as by a ReLU or maximum near a tie; a nudge moves each as far"
        if apart > JUMPING * mine.size:
            return [], f"it jumps {where}"
        text = f"the gradient of {name} jumps {where}"
        return [Finding(phase=phase, place="parameters", severity="note", explanation=text)], ""

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
        pairs, found = paired_outputs(runs.left, runs.right), compare_outputs(self.comparer, runs, phase)
        wrong = [pair for pair, comparison in zip(pairs, found, strict=True) if not comparison.passed]
        if not wrong:
            return bare
        floor = max((c.floor / c.difference.scale for c in found if c.difference.scale), default=0.0)
        located = self.why.outputs(runs.left, runs.right, wrong, bare.error or 1.0, phase, floor).finding
        return located if located.cause is not None else bare
