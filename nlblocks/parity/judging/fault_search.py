"""From one difference to the next: the right model is helped over each, so that the next shows by itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import ALIKE, CEILING
from nlblocks.parity.explaining import Explainer, Located
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.attributes import profile
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.draws import drawn_otherwise
from nlblocks.parity.judging.gradients import Gradients, Wrong, compare_gradients, spoilt, where_gradients_part
from nlblocks.parity.judging.outputs import first_not_finite, paired_outputs
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.substitutions import Substitutions, partners_by_parameter, users_of
from nlblocks.parity.matching import ByDigest
from nlblocks.parity.tracing import Trace

PLACES = 8
"""Faults that are looked for one by one."""


@dataclass(slots=True)
class Search:
    """What a search found: findings in order, what could not be judged, and the error of every operation.

    ``runs`` is the last pass, in which all that was found is helped over; None where that was not possible.
    ``undecided`` is why the search ends where it does, where what differs there is no fault that can be told.
    """

    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    runs: Pass | None = None
    undecided: str = ""

    @property
    def only_notes(self) -> bool:
        """Whether there was something to go over, and none of it a fault."""
        return bool(self.findings) and all(finding.severity == "note" for finding in self.findings)


class FaultSearch:
    """Runs the two sides, and goes on behind every fault that it finds, in evaluation and then in training.

    ``whole`` is false where some operations could not be judged. What is ``known`` of a phase are the identities of
    faults that were found otherwise: they are gone over like others, and do not count among the places.
    """

    def __init__(self, comparer: Comparer, why: Explainer) -> None:
        self.comparer, self.why, self.pairs = comparer, why, why.pairs
        self.substitutions, self.whole = Substitutions(), True
        self._places: set[object] = set()

    def run(self, *, training: bool) -> Pass:
        """A pass with digests; with all of the left's values where the right is to be given some.

        In training floors are often needed, and so is what both sides decide: it is noted at once.
        """
        if training and not self.substitutions:
            return self.comparer.run_deciding(training=training, dtype="float64", keep="digests")
        left = self.comparer.left.run(training=training, keep="values" if self.substitutions else "digests")
        return self._beside(left, training, "digests")

    def _beside(self, left: Trace, training: bool, keep: str) -> Pass:
        given = self.substitutions.given(left)
        return self.comparer.beside(left, training=training, keep=keep, given=given)

    def forward(
        self, training: bool, phase: Phase, *, known: Collection[object], profiled: bool, failed: bool
    ) -> Search:
        """Find the differences on the way to the outputs; the error of every operation only if not ``profiled`` yet.

        A side that raises is a difference where one has ``failed`` before anything was found.
        """
        search = Search()
        if training:
            self.comparer.forget()  # a floor for every weight, where those of the outputs are all that is asked for
        left = self.comparer.left.run(training=training, keep="values")
        while True:
            now = self._beside(left, training, "forward" if training else "values")
            if not (profiled or search.layers):
                search.layers = profile(left, now.right)
            if now.stopped and (search.findings or not failed):
                what = f"what follows {search.findings[-1].where}" if search.findings else "where the outputs part"
                search.skipped.append(f"{what}, because in another run {now.errors}")
                return search
            wrong = [] if now.stopped else self._outputs(now, phase)
            if not wrong and not now.stopped:
                if training:  # with gradients as well, which are wanted of no pass before
                    del now
                    now = self._beside(left, training, "digests")
                search.runs = now
                return search
            if len(self._places) == PLACES:
                search.skipped.append(f"what follows {PLACES} places that were found one by one")
                return search
            located = self._parting(left, now.right, wrong, phase)
            if isinstance(located, Located):
                search.undecided = drawn_otherwise(left, now.right, located)
                if search.undecided:
                    return search
            finding = located.finding if isinstance(located, Located) else located
            if finding.severity == "note" and not self.comparer.right.repeatable:
                finding = replace(finding, severity="fault")  # what else there is cannot be seen
            if finding.severity == "fault":
                self._places |= {finding.identity} - set(known)
            search.findings.append(finding)
            if not isinstance(located, Located) or not self.comparer.right.repeatable:
                search.skipped.append(f"what follows {finding.where}")
                return search
            between = self.substitutions.forward(located, self.pairs, [(a, b) for (a, b), _ in wrong])
            if between is None:
                why = "the left's values do not fit the right's operations"
                search.skipped.append(f"what follows {finding.where}: {why}")
                return search
            if between:
                self.whole = False
                search.skipped.append(f"what lies behind {between}")
            del now, located  # before as much is kept again

    def one_number(self, runs: Pass, phase: Phase) -> Search:
        """Find constants that are one number in float32, where outputs do not show that they differ and buffers do.

        Nothing else that is found in this way counts: for all that the outputs show, both sides compute the same.
        """
        search = Search()
        left = self.comparer.left.run(training=runs.training, keep="values")
        pairs = paired_outputs(left, runs.right)
        while self.comparer.right.repeatable:
            now = self._beside(left, runs.training, "forward")
            located = self.why.outputs(left, now.right, [], CEILING, phase)
            if located.finding.severity == "fault" or self.substitutions.forward(located, self.pairs, pairs) is None:
                break
            search.findings.append(located.finding)
        if search.findings:
            search.runs = self._beside(left, runs.training, "digests")
        return search

    def _outputs(self, runs: Pass, phase: Phase) -> list[tuple[tuple[str, str], Comparison]]:
        """The outputs that differ."""
        pairs = paired_outputs(runs.left, runs.right)
        found = [
            self.comparer.compare(phase, ("output", a), runs.left.output(a), runs.right.output(b), runs, other=b)
            for a, b in pairs
        ]
        return [(pair, c) for pair, c in zip(pairs, found, strict=True) if not (c.passed or c.undecided)]

    def _parting(
        self, left: Trace, right: Trace, wrong: list[tuple[tuple[str, str], Comparison]], phase: Phase
    ) -> Finding | Located:
        """Where two forward passes part."""
        if left.stopped or right.stopped:
            return self._raised(left, right, phase)
        failed = [comparison for _, comparison in wrong]
        for side, trace, other in (("left", left, right), ("right", right, left)):
            bad = first_not_finite(trace, other) if any(c.difference.spoilt == side for c in failed) else None
            if bad is not None:
                return self.why.not_finite(left, right, side, bad, phase)
        error = max((c.difference.relative for c in failed if not c.difference.problem), default=1.0)
        floor = max((c.floor / c.difference.scale for c in failed if c.difference.scale), default=0.0)
        return self.why.outputs(left, right, [pair for pair, _ in wrong], error, phase, floor)

    def _raised(self, left: Trace, right: Trace, phase: Phase) -> Finding:
        """One model raises: the reason is where the traces part before, or the operation that raised."""
        found = self.why.outputs(left, right, [], 1.0, phase).finding
        if found.cause is not None:
            return found
        return Finding(
            phase=phase,
            place="layer",
            cause="input.rejected",
            explanation=f"the {'left' if left.error else 'right'} fails: {left.error or right.error}",
            layer_left=left.error_scope if left.error else found.layer_left,
            layer_right=right.error_scope if right.error else found.layer_right,
            after=found.after,
            before=found.before,
            operation=found.operation,
        )

    def backward(self, runs: Pass, gradients: Gradients, wrong: Wrong, *, known: Collection[object]) -> Search:
        """Find the differences on the way back from the outputs: those of the ``wrong`` gradients of a pass."""
        search = Search()
        unjudged = self.unjudged(runs)
        wrong = [(kind, name) for kind, name in wrong if (f"input:{name}" if kind == "input" else name) not in unjudged]
        if not wrong:
            return search
        left = self.comparer.left.run(training=True, keep="values")
        while wrong:
            if len(self._places) == PLACES:
                search.skipped.append(f"gradients behind {PLACES} places that were found one by one")
                break
            now = self._beside(left, True, "values")
            if now.failing:
                search.skipped.append(f"the gradients of {_names(wrong)}, because in another run {now.errors}")
                break
            located = where_gradients_part(left, now.right, self.why, wrong, gradients.comparisons)
            if isinstance(located, Finding):
                if located.cause == "values.not_finite":
                    search.findings.append(located)
                    broken = spoilt(gradients.comparisons)
                    wrong = [one for one in wrong if one not in broken]
                    continue
                if self.substitutions.values:
                    search.skipped.append(f"the gradients of {_names(wrong)}, beside what was found before")
                else:
                    search.findings.append(located)
                break
            faulty = self.substitutions.faulty
            if not any(op is not None and op.site in faulty[side] for side, op in located.ops.items()):
                self._places |= {located.finding.identity} - set(known)
                search.findings.append(located.finding)
            if not self.comparer.right.repeatable:
                break
            if not self.substitutions.backward(left, now.right, located.numbers):
                break
            kept = {name for _, name in wrong}
            now = replace(self._beside(left, True, "results"), left=runs.left)
            if now.failing:
                search.skipped.append(f"the gradients of {_names(wrong)}, because in another run {now.errors}")
                break
            again = compare_gradients(self.comparer, self.pairs, now).wrong
            wrong = [(kind, name) for kind, name in again if name in kept]
        return search

    def unjudged(self, runs: Pass) -> set[str]:
        """The left's parameters, buffers and inputs ("input:0") that known faults touch, or whose operations the two
        sides give different inputs.
        """
        if not self.substitutions:
            return set()
        by_digest = ByDigest(runs.left, runs.right, ALIKE)
        users = users_of(runs.right)
        found = set(self.substitutions.touched)
        for op in runs.left.ops:
            partners = partners_by_parameter(runs.left, op, self.pairs.names, users)
            if partners and not any(other.inputs[0] in by_digest.to_right[op.inputs[0]] for other in partners):
                found |= {name for n in op.inputs if (name := runs.left.parameter(n)) is not None}
        return found


def _names(wrong: Wrong) -> str:
    return ", ".join(name for _, name in wrong)
