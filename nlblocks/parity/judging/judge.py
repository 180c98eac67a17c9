"""The verdict on two models: phase by phase, float64 first, every difference localised and explained.

A phase is first run with digests only. Only where it shows a difference is it run again with all values kept, to
localise and explain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase, ReportData
from nlblocks.parity.judging.attributes import audit, profile
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.fault_search import FaultSearch, Search
from nlblocks.parity.judging.gradients import compare_gradients, frozen
from nlblocks.parity.judging.leftovers import unpaired
from nlblocks.parity.judging.outputs import compare_outputs, first_not_finite, structure
from nlblocks.parity.judging.own_dtype import OwnDtype
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.report_builder import ReportBuilder
from nlblocks.parity.judging.side import Side
from nlblocks.parity.judging.training import compare_training
from nlblocks.parity.matching import dropout_partners
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.recording import Rounding
from nlblocks.parity.running import History, TrainingPlan
from nlblocks.parity.tracing import Trace

R = TypeVar("R", bound=ReportData)


class Judge:
    """Judges phase after phase; ``report`` takes what is found. A later phase builds on what earlier ones found."""

    def __init__(self, left: Side, right: Side, pairs: Pairing, seed: int, accept: Collection[str] = ()) -> None:
        self.report, self.comparer = ReportBuilder(accept), Comparer(left, right)
        self.pairs, self.seed = pairs, seed
        self.why = Explainer(pairs, seed)
        self.search = FaultSearch(self.comparer, self.why)
        self.left, self.right = left, right
        self._through = False
        self._differentiated = True
        self._apart: dict[str, Array] = {}  # by how much buffers differ in float64
        self._rounding: dict[str, float] = {}  # how far gradients may be apart; from 1 on they are rounding

    @property
    def agrees(self) -> bool:
        return not self.report.blocking

    def pairing(self, *, transferred: bool) -> None:
        """What the pairing leaves over."""
        states = self.left.state, self.right.state
        self.report.find(*unpaired(self.pairs, transferred=transferred, states=states))

    def evaluation(self) -> None:
        """The outputs in evaluation mode."""
        runs = self.search.run(training=False)
        self._through = self._forward(runs, "eval forward") is not None
        if not self.report.profiled:
            self.report.profile(profile(runs.left, runs.right))

    def training(self) -> None:
        """Outputs, buffers and gradients of one pass in training mode, on the left's values after known faults."""
        if not self._through:
            self.report.skip("the training pass, because of what was found in evaluation")
            return
        if self.search.substitutions:
            text = (
                "the right is given the left's attributes and values at what was found in evaluation: what else differs"
            )
            self.report.find(Finding(phase="train forward", place="output", severity="note", explanation=text))
        passed = self._forward(self._run_training(), "train forward")
        if passed is None:
            return
        if not self.search.whole:
            self.report.skip("buffers and gradients, because some operations could not be judged")
            return
        self._buffers(passed)
        self._backward(passed)

    def _run_training(self) -> Pass:
        """A pass in training mode, in which both sides drop the same."""
        runs = self.search.run(training=True)
        masks = dropout_partners(runs.left, runs.right)
        if not masks or not self.right.repeatable:
            return runs
        del runs  # before as much is kept again
        self.comparer.redraw(masks)
        return self.search.run(training=True)

    def _forward(self, runs: Pass, phase: Phase) -> Pass | None:
        """The pass whose outputs agree, after all differences that were found; None where some are not passed.

        It lets go of ``runs`` before it searches: the caller should not hold what was kept of them either.
        """
        self._audit(runs.left, runs.right)
        failed = bool(runs.left.error or runs.right.error)
        if not failed:
            self.report.find(*structure(runs.left, runs.right, self.pairs, phase))
            found = compare_outputs(self.comparer, runs, phase)
            alike = [c for c in found if c.difference.not_finite]
            if phase == "eval forward" and alike:
                self.report.find(*self._not_finite_alike(alike[0], runs.right, phase))
            self.report.compare(found)
            if any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return None
            if all(comparison.passed or comparison.undecided for comparison in found):
                return runs
        training = runs.training
        del runs  # before as much is kept again
        known, profiled = self._found(phase), self.report.profiled
        search = self.search.forward(training, phase, known=known, profiled=profiled)
        passed = self._take(search)
        if failed and passed is not None and not search.findings:  # it failed once and not again
            self.report.compare(compare_outputs(self.comparer, passed, phase))
        return passed

    def _not_finite_alike(self, output: Comparison, right: Trace, phase: Phase) -> Iterator[Finding]:
        """Where NaN and infinity that both sides hold come from."""
        left = self.left.run(training=False, keep="values")
        op = first_not_finite(left)
        if op is not None:
            text = f"both sides have NaN or infinity from {op} on: in the output {output.difference.not_finite}"
            yield replace(self.why.not_finite(left, right, "left", op, phase), explanation=text, severity="note")

    def _found(self, phase: Phase) -> set[object]:
        return {finding.identity for finding in self.report.before(phase)}

    def _known(self, phase: Phase) -> tuple[str, ...]:
        """The causes of what was found before a phase, by name."""
        return tuple(dict.fromkeys(f.cause or f"what differs {f.where}" for f in self.report.before(phase)))

    def _explained(self, comparison: Comparison, causes: tuple[str, ...]) -> Comparison:
        """A comparison that differs, with what that follows from: accepted, where all of it is."""
        accepted = bool(causes) and set(causes) <= set(self.report.accept)
        return replace(comparison, explained=causes, accepted=accepted)

    def _take(self, search: Search) -> Pass | None:
        self.report.profile(search.layers)
        self.report.find(*search.findings)
        self.report.skip(*search.skipped)
        return search.runs

    def _buffers(self, runs: Pass) -> None:
        """Running statistics after one training pass."""
        left, right, before = runs.left, runs.right, self.left.state
        names, known = {name for name, tensor in left.state.items() if tensor.buffer}, self.search.unjudged(runs)
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        owner = {a.refs[role].name: (a.name, b.name) for a, b in self.pairs.pairs for role in a.refs}
        said: set[tuple[str, str | None]] = set()
        off = Rounding.declared().statistics_off
        for name in sorted(names & set(theirs)):
            start, _ = theirs.beside(name, before[name])
            mine, other = theirs.beside(name, left.buffers_after[name])
            way = float(np.abs(mine - start).max(initial=0.0))
            held = way * off if np.isfinite(way) else 0.0
            found = self.comparer.compare("buffers", ("buffers", name), mine, other, runs, extra=held)
            if not (found.passed or found.undecided):
                self._apart[name] = other - mine
                causes = self._known("buffers") if name in known else ()
                if not causes:
                    why = self.why.buffer(name, owner[name], (start, mine, other), left, right)
                    self.report.find(*(f for f in why if (f.layer_left, f.cause) not in said or f.cause is None))
                    said |= {(f.layer_left, f.cause) for f in why}
                    causes = tuple(f.cause for f in why if f.cause is not None)
                found = self._explained(found, causes)
            self.report.compare([found])

    def _backward(self, runs: Pass) -> None:
        """Gradients of inputs and parameters."""
        self._differentiated = runs.left.differentiated or runs.right.differentiated
        if not self._differentiated:
            self.report.skip("the backward pass, because no output has a gradient")
            return
        gradients = compare_gradients(self.comparer, self.pairs, runs)
        self._rounding = {
            c.name: c.rounding for c in gradients.comparisons if c.group == "grad_params" and c.noise is not None
        }
        held = list(frozen(self.pairs, runs, gradients.wrong))
        self.report.find(*held)
        names = {name for kind, name in gradients.wrong if kind == "frozen"} if held else set()
        wrong = [(kind, name) for kind, name in gradients.wrong if name not in names]
        if wrong:
            self._take(self.search.backward(runs, gradients, wrong, known=self._found("backward")))
        faults = any(finding.phase == "backward" for finding in self.report.faults)
        if runs.left.differentiated != runs.right.differentiated and not faults:
            self.report.find(self._without_gradient(runs))
        causes, unjudged = self._known("backward"), self.search.unjudged(runs)
        for found in gradients.comparisons:
            touched = (f"input:{found.name}" if found.group == "grad_input" else found.name) in unjudged
            follows = not (found.passed or found.undecided) and (touched or not faults)
            self.report.compare([self._explained(found, causes) if follows else found])

    def _without_gradient(self, runs: Pass) -> Finding:
        side, other = ("left", "right") if runs.right.differentiated else ("right", "left")
        text = f"no output of the {side} has a gradient, and the {other}'s have"
        return Finding(phase="backward", place="output", cause="gradient.detached", explanation=text, error=1.0)

    def own_dtype(self, *, training: bool) -> None:
        """The models in float32, explained by the noise floor measured in it; halves are said to be left out."""
        dtypes = self.left.dtype, self.right.dtype
        if dtypes[0] != dtypes[1]:
            text = f"the parameters are {dtypes[0]} on the left, {dtypes[1]} on the right"
            self.report.find(Finding(phase="float32", place="parameters", severity="note", explanation=text))
        for half in dict.fromkeys(name for name in dtypes if name not in ("float64", "float32")):
            self.report.skip(f"{half}, a model's own dtype: judged in float64 and float32")
        if dtypes == ("float64", "float64"):
            return
        if not self.agrees:
            self.report.skip("the models in float32, because they differ in float64")
            return
        judge = OwnDtype(self.comparer, self.why, self._apart)
        for train in (False, True) if training else (False,):
            comparisons, findings = judge.judge(training=train)
            causes = {f.cause for f in findings if f.severity == "fault"} & set(self.report.accept)
            for found in comparisons:
                lost = causes and not (found.passed or found.undecided or found.accepted)
                self.report.compare([self._explained(found, tuple(map(str, causes))) if lost else found])
            self.report.find(*findings)
            if any(f.severity == "fault" and f.cause not in causes for f in findings):
                return

    def steps(self, plan: TrainingPlan) -> None:
        """Steps of training, where the models agree before; what the user did not ask for is left out in silence."""
        left, right = self.comparer.left, self.comparer.right
        if not self.agrees:
            text = "steps of training, because the models differ before"
        elif not (left.trainable and right.trainable):
            text = "steps of training, because a model has nothing to train"
        elif not self._differentiated:
            text = "steps of training, because no output has a gradient"
        else:
            self.histories(left.train(plan.left, "left", plan.steps), right.train(plan.right, "right", plan.steps))
            return
        if plan.asked:
            self.report.skip(text)

    def histories(self, left: History, right: History) -> None:
        """The states after each step, and the optimisers' settings."""
        found = compare_training(self.why, left, right, self.left.state, self._rounding)
        self.report.train((left.optimiser, right.optimiser), found.steps)
        self.report.find(*found.findings)
        for comparison in found.not_finite:
            self.report.say_not_finite(comparison, judged=False)

    def skip(self, text: str) -> None:
        """Say what was not there to be judged."""
        self.report.skip(text)

    def build(self, kind: type[R], shapes: tuple[tuple[int, ...], ...], seconds: float) -> R:
        """The report on what was found."""
        return self.report.build(
            kind, left=self.left.title, right=self.right.title, pairing=self.pairs, seed=self.seed, shapes=shapes,
            seconds=seconds,
        )  # fmt: skip

    def _audit(self, left: Trace, right: Trace) -> None:
        """Attributes of partner layers that differ, whether or not the outputs show it."""
        known = {(f.cause, f.layer_left, f.layer_right) for f in self.report.findings}
        found = [f for f in audit(left, right, self.pairs) if (f.cause, f.layer_left, f.layer_right) not in known]
        self.report.find(*found)
