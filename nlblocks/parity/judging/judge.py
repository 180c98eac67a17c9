"""The verdict on two models: phase by phase, float64 first, every difference localised and explained.

A phase is first run with digests only. Only where it shows a difference is it run again with all values kept, to
localise and explain.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics.tolerance import RATIO
from nlblocks.parity.explaining.precision import lost_precision, precision_finding
from nlblocks.parity.explaining.state_after import explain_buffer, explain_training
from nlblocks.parity.findings.comparison import Comparison
from nlblocks.parity.findings.finding import Finding, Phase
from nlblocks.parity.findings.report import LabReport
from nlblocks.parity.judging.attributes import audit, profile
from nlblocks.parity.judging.fault_search import Walk
from nlblocks.parity.judging.gradients import frozen, wrong_gradients
from nlblocks.parity.judging.leftovers import unpaired
from nlblocks.parity.judging.noise_floor import Scales
from nlblocks.parity.judging.outputs import paired_outputs, structure
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.parity.pairing.transfer import mirrored
from nlblocks.parity.recording.dropout import partners
from nlblocks.parity.recording.rounding import Rounding
from nlblocks.parity.running.passes import Pass, Runs
from nlblocks.parity.tracing.trace import Trace

JUMPING = 0.01
"""Share of a gradient's elements that a tie may move in float32, where float64 agrees."""
COMPUTED: tuple[Phase, ...] = ("eval forward", "train forward", "backward")
"""Where a difference cannot be accepted, because the results differ by it."""


class Judge:
    """Fills a report."""

    def __init__(self, report: LabReport, left: Runs, right: Runs, pairing: Pairing, seed: int) -> None:
        self.report, self.scales, self.pairs = report, Scales(report, left, right), pairing
        self.walk = Walk(self.scales, pairing, seed, self._add)
        self.through = False

    @property
    def blocking(self) -> list[Finding]:
        """Faults after which the two sides no longer compute the same."""
        return [f for f in self.report.faults if f.phase != "buffers" and f.place != "attributes"]

    @property
    def agrees(self) -> bool:
        return not self.blocking

    def pairing(self, *, transferred: bool, states: tuple[State, State]) -> None:
        """What the pairing leaves over."""
        for finding in unpaired(self.pairs, transferred=transferred, states=states):
            self._add(finding)

    def evaluation(self) -> None:
        """The outputs in evaluation mode."""
        runs = self.walk.run(training=False)
        self.through = self._forward(runs, "eval forward")
        self.report.layers = self.report.layers or profile(runs.left, runs.right)

    def training(self, before: State) -> None:
        """Outputs, buffers and gradients of one pass in training mode, on the left's values after known faults."""
        if not self.through:
            self.report.not_compared.append("the training pass, because of what was found in evaluation")
            return
        if self.walk.joints:
            text = (
                "the right is given the left's attributes and values at what was found in evaluation: what else differs"
            )
            self._add(Finding(phase="train forward", place="output", severity="note", explanation=text))
        runs = self.walk.run(training=True)
        redraw = self.scales.right.redraw
        if redraw is not None and redraw(partners(runs.left, runs.right)):
            runs = self.walk.run(training=True)
        if not self._forward(runs, "train forward"):
            return
        if not self.walk.whole:
            self.report.not_compared.append("buffers and gradients, because some operations could not be judged")
            return
        self._buffers(runs, before)
        self._backward(runs)

    def _forward(self, runs: Pass, phase: Phase) -> bool:
        """Whether the outputs agree, after all differences that were found; where and why not is a finding."""
        left, right = runs.left, runs.right
        self._audit(left, right)
        if not left.error and not right.error:
            for finding in structure(left, right, self.pairs, phase):
                self._add(finding)
            passed = [
                self.scales.agree(phase, ("output", a), left.output(a), right.output(b), runs)
                for a, b in paired_outputs(left, right)
            ]
            if any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return False
            if all(passed):
                return True
        del left, right
        return self.walk.forward(runs, phase)

    def _buffers(self, runs: Pass, before: State) -> None:
        """Running statistics after one training pass."""
        left, right = runs.left, runs.right
        names = {name for name, tensor in left.state.items() if tensor.buffer} - self.walk.unjudged(runs)
        theirs = mirrored(self.pairs, right.buffers_after, left.buffers_after)
        owner = {str(a.refs[role]): (a, b) for a, b in self.pairs.pairs for role in a.refs}
        off = Rounding.declared().statistics_off
        for name in sorted(names & set(theirs)):
            mine = left.buffers_after[name]
            held = float(np.abs(mine - before[name]).max(initial=0.0)) * off
            if self.scales.agree("buffers", ("buffers", name), mine, theirs[name], runs, extra=held):
                continue
            if name not in owner:
                continue
            a, b = owner[name]
            if any(f.phase == "buffers" and f.layer_left == a.name for f in self.report.findings):
                self.report.comparisons[-1].accepted = True  # said once for the layer
                continue
            right_name = self.pairs.names.get(name, name)
            found = explain_buffer(name, right_name, (a.name, b.name), before[name], left, right, theirs[name])
            self._add(found)
            self.report.comparisons[-1].accepted = found.cause in self.report.accept

    def _backward(self, runs: Pass) -> None:
        """Gradients of inputs and parameters."""
        wrong = wrong_gradients(self.scales, self.pairs, runs)
        held = list(frozen(self.pairs, runs, wrong))
        for finding in held:
            self._add(finding)
        names = {name for kind, name in wrong if kind == "frozen"} if held else set()
        if {name for _, name in wrong} - names:
            self.walk.backward(runs, [(kind, name) for kind, name in wrong if name not in names])

    def own_dtype(self, dtypes: tuple[str, str], *, training: bool) -> None:
        """The models in float32, explained by the noise floor measured in it; halves are said to be left out."""
        dtype = "float32"
        if dtypes[0] != dtypes[1]:
            text = f"the parameters are {dtypes[0]} on the left, {dtypes[1]} on the right"
            self._add(Finding(phase="float32", place="parameters", severity="note", explanation=text))
        for half in dict.fromkeys(name for name in dtypes if name not in ("float64", "float32")):
            self.report.not_compared.append(f"{half}, a model's own dtype: judged in float64 and float32")
        if dtypes == ("float64", "float64"):
            return
        if not self.agrees:
            self.report.not_compared.append("the models in float32, because they differ in float64")
            return
        for train in (False, True) if training else (False,):
            phase: Phase = "float32 train" if train else "float32"
            left, right = self.scales.run(training=train, dtype=dtype, keep="results")
            runs = Pass(left=left, right=right, training=train, dtype=dtype)
            for side, trace in (("left", left), ("right", right)):
                if trace.error:
                    text = f"the {side} fails in {dtype}: {trace.error}"
                    self._add(Finding(phase=phase, place="output", cause="input.rejected", explanation=text))
                    return
            if self._own_dtype_differs(runs, phase):
                failed = [c for c in self.report.comparisons if c.phase == phase and not c.passed]
                worst = max(failed, key=lambda c: c.ratio, default=None)
                del left, right
                self._add(self._precision(runs, phase, worst))
                return

    def _own_dtype_differs(self, runs: Pass, phase: Phase) -> bool:
        left, right = runs.left, runs.right
        known = {c.name for c in self.report.comparisons if c.phase == "buffers" and not c.passed}
        agree = [
            self.scales.agree(phase, ("output", a), left.output(a), right.output(b), runs, other=b)
            for a, b in paired_outputs(left, right)
        ]
        if runs.training:
            theirs = mirrored(self.pairs, right.buffers_after, left.buffers_after)
            agree += [
                self.scales.agree(
                    phase,
                    ("buffers", name),
                    left.buffers_after[name],
                    theirs[name],
                    runs,
                    other=self.pairs.names.get(name),
                )
                for name in sorted(set(theirs) - known)
            ]
            wrong = wrong_gradients(self.scales, self.pairs, runs, phase)
            agree += [self._jumps(runs, phase, name) for kind, name in wrong if kind == "parameter"]
            agree += [False for kind, _ in wrong if kind != "parameter"]
        return not all(agree)

    def _jumps(self, runs: Pass, phase: Phase, name: str) -> bool:
        """Whether a gradient differs as nudges move it on one side, and in few elements only.

        A ReLU or maximum close to a tie falls on the other side: nudges show that on the side that is closer. It is
        said, and is no fault.
        """
        key = ("grad_params", name)
        found = next(c for c in self.report.comparisons if (c.phase, c.group, c.name) == (phase, *key))
        mine = runs.left.grad_params[name]
        theirs = mirrored(self.pairs, runs.right.grad_params, runs.left.grad_params)[name]
        apart = int((np.abs(mine - theirs) > RATIO * found.noise).sum())
        moved = RATIO * self.scales.swing(key, runs, self.pairs.names.get(name))
        if found.difference.problem or found.difference.error > moved or apart > JUMPING * mine.size:
            return False
        found.accepted = True
        text = f"the gradient of {name} jumps in {apart} of {mine.size} elements, as by a ReLU or maximum near a tie"
        self._add(Finding(phase=phase, place="parameters", severity="note", explanation=text))
        return True

    def _precision(self, runs: Pass, phase: Phase, worst: Comparison | None) -> Finding:
        """Where a model's own dtype goes wrong: each side is run again, beside its own float64."""
        text, error = "float64 agrees, float32 lacks a gradient", 1.0
        if worst is not None:
            error = worst.difference.relative
            where = f"{worst.group} {worst.name}".rstrip()
            apart = worst.difference.problem or f"{worst.ratio:.3g} noise floors ({error:.1e})"
            text = f"float64 agrees, {runs.dtype} differs by {apart} in the {where}"
        if not self.scales.right.again:
            return Finding(phase=phase, place="output", cause="precision.float32", explanation=text, error=error)
        losses, traces = {}, {}
        for side, source in (("left", self.scales.left), ("right", self.scales.right)):
            own = source.run(training=runs.training, dtype=runs.dtype, keep="values")
            losses[side] = lost_precision(source.run(training=runs.training, keep="values"), own)
            traces[side] = replace(own, values={}, grads={})
        return precision_finding(phase, losses, traces, self.pairs, text, error)

    def steps(
        self, left: list[dict[str, Array]], right: list[dict[str, Array]], before: State, settings: str = ""
    ) -> Finding | None:
        """States after each optimiser step; ``settings`` of the optimisers that differ count even where no state does.

        Returns the finding where the states part.
        """
        found = explain_training(self.pairs, left, right, before, self._noisy(), self.report.steps)
        if found is not None:
            self._add(found)
        elif settings:
            text = f"the optimisers' settings differ, though training so far does not show it: {settings}"
            self._add(Finding(phase="training", place="attributes", cause="optimiser.settings", explanation=text))
        return found

    def trained_apart(self, left: list[dict[str, Array]], right: list[dict[str, Array]], before: State) -> float:
        """The largest difference between two histories, in units of the way that a weight went."""
        steps: list[tuple[int, float, str]] = []
        explain_training(self.pairs, left, right, before, self._noisy(), steps)
        return max((error for _, error, _ in steps), default=0.0)

    def _noisy(self) -> dict[str, float]:
        """How far the gradients of parameters may be apart, in units of their scale: from 1 on they are rounding."""
        return {
            c.name: RATIO * c.noise / c.difference.scale if c.difference.scale else 1.0
            for c in self.report.comparisons
            if c.phase == "backward" and c.group == "grad_params" and c.noise
        }

    def _audit(self, left: Trace, right: Trace) -> None:
        """Attributes of partner layers that differ, whether or not the outputs show it."""
        known = {(f.cause, f.layer_left, f.layer_right) for f in self.report.findings}
        for finding in audit(left, right, self.pairs):
            if (finding.cause, finding.layer_left, finding.layer_right) not in known:
                self._add(finding)

    def _add(self, finding: Finding) -> bool:
        """Whether this is new."""
        if finding.cause in self.report.accept:
            if finding.phase in COMPUTED:
                text = f"{finding.explanation} (accepted, but it changes what is computed: make the models alike here)"
                finding = replace(finding, explanation=text)
            else:
                finding = replace(finding, severity="note")
        first = finding.phase in ("pairing", "eval forward")  # what the pairing leaves over hinders neither
        before = [f for f in self.blocking if not first or f.phase != "pairing"]
        if finding.phase != "pairing" and any(_place(f) == _place(finding) for f in before):
            return False
        self.report.findings.append(replace(finding, rank=len(before)))
        return True


def _place(finding: Finding) -> tuple[object, ...]:
    return finding.cause, finding.place, finding.layer_left, finding.layer_right, finding.after
