"""The verdict on two models: phase by phase, float64 first, every difference localised and explained.

A phase is first run with digests only. Only where it shows a difference is it run again with all values kept, to
localise and explain.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

import numpy as np

from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase, ReportData
from nlblocks.parity.judging.attributes import audit, profile
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.draws import drawn_alike
from nlblocks.parity.judging.fault_search import FaultSearch, Search
from nlblocks.parity.judging.gradients import compare_gradients, frozen
from nlblocks.parity.judging.leftovers import not_put_back, unpaired
from nlblocks.parity.judging.outputs import compare_outputs, structure
from nlblocks.parity.judging.own_dtype import OwnDtype
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.report_builder import ReportBuilder
from nlblocks.parity.judging.side import Side
from nlblocks.parity.judging.training import compare_training
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
        self._through, self._random = False, False
        self._apart: set[str] = set()
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
        runs = drawn_alike(self.comparer, lambda: self.search.run(training=False))
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
        runs = drawn_alike(self.comparer, lambda: self.search.run(training=True))
        passed = self._forward(runs, "train forward")
        if passed is None:
            return
        if not self.search.whole:
            self.report.skip("buffers and gradients, because some operations could not be judged")
            return
        self._buffers(passed)
        self._backward(passed)

    def _forward(self, runs: Pass, phase: Phase) -> Pass | None:
        """The pass whose outputs agree, after all differences that were found; None where some are not passed.

        It lets go of ``runs`` before it searches: the caller should not hold what was kept of them either.
        """
        self._audit(runs.left, runs.right)
        said = {finding.explanation for finding in self.report.findings}
        self.report.find(*(f for f in not_put_back(runs.left, runs.right) if f.explanation not in said))
        failed = bool(runs.left.error or runs.right.error)
        if not failed:
            self.report.find(*structure(runs.left, runs.right, self.pairs, phase))
            found = compare_outputs(self.comparer, runs, phase)
            self.report.compare(found)
            if any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return None
            if all(comparison.passed for comparison in found):
                return runs
        training = runs.training
        del runs  # before as much is kept again
        known, profiled = self._known(phase), self.report.profiled
        search = self.search.forward(training, phase, known=known, profiled=profiled)
        if search.undecided:
            self._random = True
            self.report.reopen(phase, search.undecided)
        passed = self._take(search)
        if failed and passed is not None and not search.findings:  # it failed once and not again
            self.report.compare(compare_outputs(self.comparer, passed, phase))
        return passed

    def _known(self, phase: Phase) -> set[object]:
        return {finding.identity for finding in self.report.before(phase)}

    def _take(self, search: Search) -> Pass | None:
        self.report.profile(search.layers)
        self.report.find(*search.findings)
        self.report.skip(*search.skipped)
        return search.runs

    def _buffers(self, runs: Pass) -> None:
        """Running statistics after one training pass."""
        left, right, before = runs.left, runs.right, self.left.state
        names = {name for name, tensor in left.state.items() if tensor.buffer} - self.search.unjudged(runs)
        theirs = self.pairs.mirrored(right.buffers_after, left.buffers_after)
        owner = {str(a.refs[role]): (a, b) for a, b in self.pairs.pairs for role in a.refs}
        said: set[str] = set()
        off = Rounding.declared().statistics_off
        for name in sorted(names & set(theirs)):
            mine = left.buffers_after[name]
            held = float(np.abs(mine - before[name]).max(initial=0.0)) * off
            found = self.comparer.compare("buffers", ("buffers", name), mine, theirs[name], runs, extra=held)
            if not found.passed:
                self._apart.add(name)
            if not found.passed and name in owner:
                a, b = owner[name]
                accepted = a.name in said  # said once for the layer
                if not accepted:
                    said.add(a.name)
                    why = self.why.buffer(name, (a.name, b.name), before[name], left, right, theirs[name])
                    self.report.find(why)
                    accepted = why.cause in self.report.accept
                found = replace(found, accepted=accepted)
            self.report.compare([found])

    def _backward(self, runs: Pass) -> None:
        """Gradients of inputs and parameters."""
        gradients = compare_gradients(self.comparer, self.pairs, runs)
        self.report.compare(gradients.comparisons)
        self._rounding = {
            c.name: c.rounding for c in gradients.comparisons if c.group == "grad_params" and c.noise is not None
        }
        held = list(frozen(self.pairs, runs, gradients.wrong))
        self.report.find(*held)
        names = {name for kind, name in gradients.wrong if kind == "frozen"} if held else set()
        wrong = [(kind, name) for kind, name in gradients.wrong if name not in names]
        if wrong:
            self._take(self.search.backward(runs, gradients, wrong, known=self._known("backward")))

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
        if self._random:
            self.report.skip("the training pass in float32 and steps of training, because of random numbers")
        if self._random and not self._through:
            return
        for train in (False, True) if training and not self._random else (False,):
            comparisons, findings = judge.judge(training=train)
            self.report.compare(comparisons)
            self.report.find(*findings)
            if any(finding.severity == "fault" for finding in findings):
                return

    def steps(self, plan: TrainingPlan) -> None:
        """Steps of training, where the models agree before; what the user did not ask for is left out in silence."""
        left, right = self.comparer.left, self.comparer.right
        if not self.agrees or self._random:
            text = "steps of training, because the models differ before"
        elif not (left.trainable and right.trainable):
            text = "steps of training, because a model has nothing to train"
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
