"""The verdict on two models: phase by phase, float64 first, every difference localised and explained.

A phase is first run with digests only. Only where it shows a difference is it run again with all values kept, to
localise and explain.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import TypeVar

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding, Phase, ReportData
from nlblocks.parity.judging.attributes import audit, profile
from nlblocks.parity.judging.buffers import compare_buffers
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.draws import drawn_alike, draws_numbers
from nlblocks.parity.judging.failing import excuse, failing_backward, failing_once
from nlblocks.parity.judging.fault_search import FaultSearch, Search
from nlblocks.parity.judging.gradients import Gradients, at_ties, compare_gradients, frozen, near_ties, without_gradient
from nlblocks.parity.judging.influence import without_influence
from nlblocks.parity.judging.leftovers import not_put_back, unpaired
from nlblocks.parity.judging.mending import Lines, mended
from nlblocks.parity.judging.outputs import compare_outputs, not_finite_alike, structure
from nlblocks.parity.judging.own_dtype import OwnDtype
from nlblocks.parity.judging.passes import OWN, Pass
from nlblocks.parity.judging.report_builder import ReportBuilder
from nlblocks.parity.judging.roundings import Roundings
from nlblocks.parity.judging.side import Side
from nlblocks.parity.judging.training import StepsJudged, steps_by, steps_of
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Trace

R = TypeVar("R", bound=ReportData)
EVAL_ONLY = "; compare without training (training=False, --eval-only)"
UNHELD = "steps of training, which a capture does not hold"


class Judge:
    """Judges phase after phase; ``report`` takes what is found. A later phase builds on what earlier ones found."""

    def __init__(self, left: Side, right: Side, pairs: Pairing, seed: int, accept: Collection[str] = ()) -> None:
        self.report, self.comparer = ReportBuilder(accept), Comparer(left, right, pairs)
        self.left, self.right, self.pairs, self.seed = left, right, pairs, seed
        self.why = Explainer(pairs, seed)
        self.search = FaultSearch(self.comparer, self.why)
        self._roundings = Roundings()
        self._through = False  # whether training can be judged by what evaluation gave
        self._failed = False  # whether evaluation came to no end
        self._anew = False  # whether this judges the same models with other random numbers
        self._random = False  # whether random numbers kept a pass from being judged
        self._judged: set[bool] = set()  # float64 has judged: the evaluation pass (False), the training pass (True)
        self._graded = False  # and the gradients
        self._differentiated = True  # whether there are any
        self._at_ties = False  # whether rounding decides them
        self._undecided: dict[str, list[str]] = {}  # what, by the reason
        self._hinted: set[str] = set()  # reasons by which evaluation is all that can be compared
        self._apart: dict[str, Array] = {}  # by how much buffers differ in float64; in later steps they may
        self._stepped: StepsJudged | None = None  # steps that the training pass was all that was needed for
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
        """The outputs in evaluation mode, and buffers that are written to in it."""
        runs = self._run(training=False)
        passed = self._forward(runs, "eval forward")
        self._through = passed is not None
        if passed is not None and self.agrees:
            self.report.find(*without_influence(passed, self.pairs, "eval forward"))
        if passed is not None and passed.moves_buffers(self.left.state, self.right.state):
            self._buffers(passed)
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
            self.report.help()
        if self._trained() and self.agrees and not self._random:
            self._drawn_anew()

    def _trained(self) -> bool:
        """Judge one pass in training mode; whether it came to its end, and a side drew random numbers."""
        passed = self._forward(self._run(training=True), "train forward")
        if passed is None:
            return False
        if not self.search.whole:
            self.report.skip("buffers and gradients, because some operations could not be judged")
            return False
        passed = self._buffers(passed, again=True)
        self._backward(passed)
        whole = self.agrees and self._graded and self._differentiated
        if whole and not (self._anew or self._at_ties or self.search.substitutions):
            self.comparer.forget()
            self._stepped = steps_by(self.why, passed, self.comparer, self._rounding | dict.fromkeys(self._apart, 1.0))
        return draws_numbers(passed)

    def _drawn_anew(self) -> None:
        """The training pass once more, with other random numbers: what one mask drops on both sides, another shows."""
        left, right = (side.drawing(self.seed + 1) for side in (self.comparer.left, self.comparer.right))
        if self._anew or not (left and right):
            return
        self.comparer.forget()
        again = Judge(left, right, self.pairs, self.seed + 1, self.report.accept)
        again._through, again._anew, again.comparer.cancelled = True, True, self.comparer.cancelled
        again.training()
        self.report.add_drawn_anew(again.report)

    def _held(self, *, training: bool, dtype: str) -> bool:
        """Whether both sides have a pass; said where not."""
        sides = self.comparer.left, self.comparer.right
        held = all(side.holds(training=training, dtype=dtype) for side in sides)
        if not held:
            words = "the training pass" if training else "the models"
            self.report.skip(f"{words}{'' if dtype == 'float64' else f' in {dtype}'}, which a capture does not hold")
        return held

    def _run(self, *, training: bool, dtype: str = "float64") -> Pass:
        """A pass with digests, in which both sides draw the same random numbers."""
        own = partial(self.comparer.run, training=training, dtype=dtype, keep="digests")
        return drawn_alike(self.comparer, partial(self.search.run, training=training) if dtype == "float64" else own)

    def _forward(self, runs: Pass, phase: Phase) -> Pass | None:
        """The pass whose outputs agree, after all differences that were found; None where some are not passed.

        It lets go of ``runs`` before it searches: the caller should not hold what was kept of them either.
        """
        self._audit(runs.left, runs.right)
        runs = self._again(runs, phase)
        self.report.find(*self._roundings.of(runs, phase))
        said = {finding.explanation for finding in self.report.findings}
        self.report.find(*(f for f in not_put_back(runs.left, runs.right) if f.explanation not in said))
        training, failed = runs.training, runs.stopped
        self._failed = self._failed if training else failed
        if failed and self._excused(runs):
            return None
        self._judged.add(training)
        if not failed:
            self.report.find(*structure(runs.left, runs.right, self.pairs, phase))
            found = compare_outputs(self.comparer, runs, phase)
            for c in [c for c in found if c.difference.not_finite and phase == "eval forward"][:1]:
                self.report.find(*not_finite_alike(c, self.why, self.left, runs.right, phase))
            self.report.compare(found)
            if any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return None
            if all(comparison.passed or comparison.undecided for comparison in found):
                return runs
        del runs  # before as much is kept again
        known, profiled = self._found(phase), self.report.profiled
        search = self.search.forward(training, phase, known=known, profiled=profiled, failed=failed)
        if search.undecided:
            self._random = True
            self.report.reopen(phase, search.undecided)
        passed = self._take(search)
        if passed is not None and search.only_notes:
            self.report.compare_again(compare_outputs(self.comparer, passed, phase))
        if failed and passed is not None and not search.findings:  # it failed twice and not again
            self.report.compare(compare_outputs(self.comparer, passed, phase))
        return passed

    def _again(self, runs: Pass, phase: Phase) -> Pass:
        """The pass, once more where a side stops: what fails once only is said, and compared all the same."""
        if not runs.stopped or not self.right.repeatable:
            return runs
        if not (again := self.search.run(training=runs.training)).stopped:
            self.report.find(failing_once(runs, phase))
        return again

    def _excused(self, runs: Pass) -> bool:
        """Whether a pass that fails is no fault of a model's; what could not be judged is said then."""
        if self.search.substitutions and runs.failing == ("right",):
            plain = self.comparer.right.run(training=runs.training, keep="results")
            if not plain.stopped:
                self.report.skip(f"{runs.words}, because on the left's values {runs.errors}")
                return True
        if why := excuse(self.comparer, runs):
            self._open(runs.words, why, runs)
        return bool(why)

    def _open(self, what: str, why: str, runs: Pass | None = None) -> None:
        """Something could not be judged: each reason is said once, with all that it holds for."""
        self._undecided.setdefault(why, []).append(what)
        if runs is not None and runs.training and len(runs.failing) == 2 and False in self._judged:
            self._hinted.add(why)

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

    def _buffers(self, runs: Pass, *, again: bool = False) -> Pass:
        """Running statistics, and what else is kept in buffers, after one pass.

        ``again`` where there is no cause, in another pass: its constants may be one number, which no output showed.
        """
        found = compare_buffers(
            self.comparer, self.why, self.left.state, runs, touched=self.search.unjudged(runs),
            known=self._known("buffers"),
        )  # fmt: skip
        if again and any(finding.cause is None for finding in found.findings):
            search = self.search.one_number(runs, "train forward")
            if search.runs is not None:
                self._take(search)
                return self._buffers(search.runs)
        self._apart |= found.apart
        self.report.find(*found.findings)
        self.report.compare(self._explained(c, c.explained) if c.explained else c for c in found.comparisons)
        return runs

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
        self._differentiated = runs.left.differentiated or runs.right.differentiated
        if not self._differentiated:
            self.report.skip("the backward pass, because no output has a gradient")
            return
        gradients = self._at_kinks(runs, compare_gradients(self.comparer, self.pairs, runs))
        self._rounding = {
            c.name: c.rounding for c in gradients.comparisons if c.group == "grad_params" and c.noise is not None
        }
        held = list(frozen(self.pairs, runs, gradients.wrong))
        self.report.find(*held)
        names = {name for kind, name in gradients.wrong if held and kind == "frozen"}
        wrong = [(kind, name) for kind, name in gradients.wrong if name not in names]
        if wrong:
            self._take(self.search.backward(runs, gradients, wrong, known=self._found("backward")))
        faults = any(finding.phase == "backward" for finding in self.report.faults)
        if runs.left.differentiated != runs.right.differentiated and not faults:
            self.report.find(without_gradient(runs))
        causes, unjudged = self._known("backward"), self.search.unjudged(runs)
        for found in gradients.comparisons:
            touched = (f"input:{found.name}" if found.group == "grad_input" else found.name) in unjudged
            follows = not (found.passed or found.undecided or found.accepted) and (touched or not faults)
            self.report.compare([self._explained(found, causes) if follows else found])

    def _at_kinks(self, runs: Pass, gradients: Gradients) -> Gradients:
        """The gradients without those that differ only by which side of a kink rounding puts a number on."""
        differ = {"input": "grad_input", "parameter": "grad_params"}
        alike = self.comparer.decided_alike(runs) if any(kind in differ for kind, _ in gradients.wrong) else None
        if alike is None:
            return gradients
        again = compare_gradients(self.comparer, self.pairs, alike.runs)
        met = {(c.group, c.name) for c in again.comparisons if c.passed}
        notes = near_ties(gradients.comparisons, met, alike.words, "backward")
        self.report.find(*notes)
        self._at_ties = bool(notes)
        return Gradients(
            at_ties(gradients.comparisons, met),
            [(kind, name) for kind, name in gradients.wrong if (differ.get(kind, kind), name) not in met],
        )

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
        if self._random:
            self.report.skip("the training pass in float32 and steps of training, because of random numbers")
        judge = OwnDtype(self.comparer, self.why, self._apart, self._judged if self._graded else self._judged - {True})
        for train in (False, True) if training and not self._random else (False,):
            if not self._held(training=train, dtype=OWN) or not self.agrees or (self._random and not self._through):
                continue
            if train not in self._judged:
                self._in_place_of_float64(training=train)
            found = judge.judge(training=train)
            causes = {f.cause for f in found.findings if f.severity == "fault"} & set(self.report.accept)
            for one in found.comparisons:
                lost = causes and not (one.passed or one.undecided or one.accepted)
                self.report.compare([self._explained(one, tuple(map(str, causes))) if lost else one])
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
        if self._at_ties:
            text = "steps of training, because rounding decides gradients: it puts numbers on either side of a tie"
            (self.report.undecided if left.asked or right.asked else self.report.skip)(text)
            return
        if not self.agrees or self._random:
            text = "steps of training, because the models differ before"
        elif not (left.trainable and right.trainable):
            text = "steps of training, because a model has nothing to train"
        elif not self._differentiated:
            text = "steps of training, because no output has a gradient"
        elif not self._graded:
            text = "steps of training, because the gradients could not be judged"
        else:
            self._histories(left, right)
            return
        if left.asked or right.asked:
            self.report.skip(text)

    def _histories(self, left: Side, right: Side) -> None:
        """The states after each step, as far as both sides came, and the optimisers' settings."""
        found = self._stepped or steps_of(self.why, left, right, self._rounding | dict.fromkeys(self._apart, 1.0))
        if found is None:
            self.report.skip(UNHELD)
            return
        self.report.train(found.optimisers, found.compared.steps)
        self.report.find(*found.compared.findings)
        for comparison in found.compared.not_finite:
            self.report.say_not_finite(comparison, judged=False)
        for what, why in found.undecided:
            self._open(what, why)

    def build(self, kind: type[R], shapes: tuple[tuple[int, ...], ...], seconds: float, lines: Lines) -> R:
        """The report on what was found; ``lines`` are those of both sides' code, by site."""
        self.report.findings = mended(self.report.findings, self.right, lines)
        for why, what in self._undecided.items():
            self.report.undecided(f"{_listed(what)}, because {why}{EVAL_ONLY if why in self._hinted else ''}")
        return self.report.build(
            kind, left=self.left.title, right=self.right.title, pairing=self.pairs, seed=self.seed, shapes=shapes,
            seconds=seconds,
        )  # fmt: skip

    def _audit(self, left: Trace, right: Trace) -> None:
        """Attributes of partner layers that differ, whether or not the outputs show it."""
        known = {(f.cause, f.layer_left, f.layer_right) for f in self.report.findings}
        apart = audit(left, right, self.pairs)
        self.report.find(*(f for f in apart if (f.cause, f.layer_left, f.layer_right) not in known))


def _listed(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
