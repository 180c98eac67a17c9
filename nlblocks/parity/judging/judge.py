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
from nlblocks.parity.judging.failing import excuse, failing_backward, failing_once
from nlblocks.parity.judging.fault_search import FaultSearch, Search
from nlblocks.parity.judging.gradients import compare_gradients, frozen
from nlblocks.parity.judging.leftovers import unpaired
from nlblocks.parity.judging.outputs import compare_outputs, structure
from nlblocks.parity.judging.own_dtype import OwnDtype
from nlblocks.parity.judging.passes import OWN, Pass
from nlblocks.parity.judging.report_builder import ReportBuilder
from nlblocks.parity.judging.side import Side
from nlblocks.parity.judging.training import compare_training
from nlblocks.parity.matching import dropout_partners
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.recording import Rounding
from nlblocks.parity.tracing import Trace

R = TypeVar("R", bound=ReportData)
EVAL_ONLY = "; compare without training (training=False, --eval-only)"
UNHELD = "steps of training, which a capture does not hold"


class Judge:
    """Judges phase after phase; ``report`` takes what is found. A later phase builds on what earlier ones found."""

    def __init__(self, left: Side, right: Side, pairs: Pairing, seed: int, accept: Collection[str] = ()) -> None:
        self.report, self.comparer = ReportBuilder(accept), Comparer(left, right)
        self.pairs, self.seed = pairs, seed
        self.why = Explainer(pairs, seed)
        self.search = FaultSearch(self.comparer, self.why)
        self.left, self.right = left, right
        self._through = False  # whether training can be judged by what evaluation gave
        self._failed = False  # whether evaluation came to no end
        self._judged: set[bool] = set()  # float64 has judged: the evaluation pass (False), the training pass (True)
        self._graded = False  # and the gradients
        self._undecided: dict[str, list[str]] = {}  # what, by the reason
        self._hinted: set[str] = set()  # reasons by which evaluation is all that can be compared
        self._apart: set[str] = set()
        self._rounding: dict[str, float] = {}  # how far gradients may be apart; from 1 on they are rounding

    @property
    def agrees(self) -> bool:
        return not self.report.blocking

    def judge(self, *, transferred: bool, training: bool, steps: bool) -> None:
        """All phases in order, whatever the sides are. ``training`` and ``steps`` of it are left out where not wanted.

        ``transferred`` says that the right has the left's weights.
        """
        self.pairing(transferred=transferred)
        self.evaluation()
        if training:
            self.training()
        self.own_dtype(training=training)
        if training and steps:
            self.steps()

    def pairing(self, *, transferred: bool) -> None:
        """What the pairing leaves over."""
        states = self.left.state, self.right.state
        self.report.find(*unpaired(self.pairs, transferred=transferred, states=states))
        for side, other, cut in zip(("left", "right"), ("right", "left"), self.pairs.cut, strict=True):
            if cut:
                self.report.skip(f"which layers of the {other} have no partner, because the {side} came to no end")

    def evaluation(self) -> None:
        """The outputs in evaluation mode."""
        runs = self._run(training=False)
        self._through = self._forward(runs, "eval forward") is not None
        if not self.report.profiled:
            self.report.profile(profile(runs.left, runs.right))

    def training(self) -> None:
        """Outputs, buffers and gradients of one pass in training mode, on the left's values after known faults."""
        if not self._held(training=True, dtype="float64"):
            return
        if not (self._through or self._failed):
            self.report.skip("the training pass, because of what was found in evaluation")
            return
        if self.search.substitutions:
            text = (
                "the right is given the left's attributes and values at what was found in evaluation: what else differs"
            )
            self.report.find(Finding(phase="train forward", place="output", severity="note", explanation=text))
        passed = self._forward(self._run(training=True), "train forward")
        if passed is None:
            return
        if not self.search.whole:
            self.report.skip("buffers and gradients, because some operations could not be judged")
            return
        self._buffers(passed)
        self._backward(passed)

    def _held(self, *, training: bool, dtype: str) -> bool:
        """Whether both sides have a pass; said where not."""
        sides = self.comparer.left, self.comparer.right
        held = all(side.holds(training=training, dtype=dtype) for side in sides)
        if not held:
            words = "the training pass" if training else "the models"
            self.report.skip(f"{words}{'' if dtype == 'float64' else f' in {dtype}'}, which a capture does not hold")
        return held

    def _run(self, *, training: bool, dtype: str = "float64") -> Pass:
        """A pass with digests; in training, one in which both sides drop the same."""

        def run() -> Pass:
            if dtype == "float64":
                return self.search.run(training=training)
            return self.comparer.run(training=training, dtype=dtype, keep="digests")

        runs = run()
        masks = dropout_partners(runs.left, runs.right) if training and self.right.repeatable else {}
        if not masks:
            return runs
        del runs  # before as much is kept again
        self.comparer.redraw(masks)
        return run()

    def _forward(self, runs: Pass, phase: Phase) -> Pass | None:
        """The pass whose outputs agree, after all differences that were found; None where some are not passed.

        It lets go of ``runs`` before it searches: the caller should not hold what was kept of them either.
        """
        self._audit(runs.left, runs.right)
        runs = self._again(runs, phase)
        training, failed = runs.training, runs.stopped
        self._failed = self._failed if training else failed
        if failed and self._excused(runs):
            return None
        self._judged.add(training)
        if not failed:
            self.report.find(*structure(runs.left, runs.right, self.pairs, phase))
            found = compare_outputs(self.comparer, runs, phase)
            self.report.compare(found)
            if any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return None
            if all(comparison.passed for comparison in found):
                return runs
        del runs  # before as much is kept again
        known, profiled = self._known(phase), self.report.profiled
        search = self.search.forward(training, phase, known=known, profiled=profiled, failed=failed)
        passed = self._take(search)
        if failed and passed is not None and not search.findings:  # it failed twice and not again
            self.report.compare(compare_outputs(self.comparer, passed, phase))
        return passed

    def _again(self, runs: Pass, phase: Phase) -> Pass:
        """The pass, once more where a side stops: what fails once only is said, and compared all the same."""
        if not runs.stopped or not self.right.repeatable:
            return runs
        again = self.search.run(training=runs.training)
        if not again.stopped:
            self.report.find(failing_once(runs, phase))
        return again

    def _excused(self, runs: Pass) -> bool:
        """Whether a pass that fails is no fault of a model's; what could not be judged is said then."""
        if self.search.substitutions and runs.failing == ("right",):
            plain = self.comparer.right.run(training=runs.training, keep="results")
            if not plain.stopped:
                self.report.skip(f"{runs.words}, because on the left's values {runs.errors}")
                return True
        why = excuse(self.comparer, runs)
        if why:
            self._open(runs.words, why, runs)
        return bool(why)

    def _open(self, what: str, why: str, runs: Pass | None = None) -> None:
        """Something could not be judged: each reason is said once, with all that it holds for."""
        self._undecided.setdefault(why, []).append(what)
        if runs is not None and runs.training and len(runs.failing) == 2 and False in self._judged:
            self._hinted.add(why)

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
        if runs.failing:
            why = excuse(self.comparer, runs)
            if why:
                self._open(f"the gradients in {runs.dtype}", why, runs)
            else:
                self.report.find(failing_backward(runs, "backward"))
            return
        self._graded = True
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
        judge = OwnDtype(self.comparer, self.why, self._apart, self._judged if self._graded else self._judged - {True})
        for train in (False, True) if training else (False,):
            if not self._held(training=train, dtype=OWN) or not self.agrees:
                continue
            if train not in self._judged:
                self._in_place_of_float64(training=train)
            found = judge.judge(training=train)
            self.report.compare(found.comparisons)
            self.report.find(*found.findings)
            for what, why in found.undecided:
                self._open(what, why)

    def _in_place_of_float64(self, *, training: bool) -> None:
        """Attributes, structure and running statistics, where float64 could not show them."""
        runs = self._run(training=training, dtype=OWN)
        if runs.stopped:
            return
        self._audit(runs.left, runs.right)
        self.report.find(*structure(runs.left, runs.right, self.pairs, "float32 train" if training else "float32"))
        if training:
            self._buffers(runs)

    def steps(self) -> None:
        """Steps of training, where the models agree before; what the user did not ask for is left out in silence."""
        left, right = self.comparer.left, self.comparer.right
        if not (left.holds(training=True, dtype="float64") and right.holds(training=True, dtype="float64")):
            self.report.skip(UNHELD)
            return
        if not self.agrees:
            text = "steps of training, because the models differ before"
        elif not (left.trainable and right.trainable):
            text = "steps of training, because a model has nothing to train"
        elif not self._graded:
            text = "steps of training, because the gradients could not be judged"
        else:
            self._histories(left, right)
            return
        if left.asked or right.asked:
            self.report.skip(text)

    def _histories(self, left: Side, right: Side) -> None:
        """The states after each step, as far as both sides came, and the optimisers' settings."""
        mine, theirs = left.train(), right.train()
        if (
            mine is None or theirs is None or left.asked != right.asked
        ):  # one that nobody chose tells nothing of another
            self.report.skip(UNHELD)
            return
        found = compare_training(self.why, mine, theirs, self.left.state, self._rounding)
        self.report.train((mine.optimiser, theirs.optimiser), found.steps)
        self.report.find(*found.findings)
        for side, history in (("left", mine), ("right", theirs)):
            if history.error:
                step = len(history.states) + 1
                self._open(f"training from step {step} on", f"on the {side} {history.error}")

    def build(self, kind: type[R], shapes: tuple[tuple[int, ...], ...], seconds: float) -> R:
        """The report on what was found."""
        for why, what in self._undecided.items():
            self.report.undecided(f"{_listed(what)}, because {why}{EVAL_ONLY if why in self._hinted else ''}")
        return self.report.build(
            kind, left=self.left.title, right=self.right.title, pairing=self.pairs, seed=self.seed, shapes=shapes,
            seconds=seconds,
        )  # fmt: skip

    def _audit(self, left: Trace, right: Trace) -> None:
        """Attributes of partner layers that differ, whether or not the outputs show it."""
        known = {(f.cause, f.layer_left, f.layer_right) for f in self.report.findings}
        found = [f for f in audit(left, right, self.pairs) if (f.cause, f.layer_left, f.layer_right) not in known]
        self.report.find(*found)


def _listed(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
