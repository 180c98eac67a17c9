"""The verdict on two models: phase by phase, float64 first, every difference localised and explained.

A phase is first run with digests only. Only where it shows a difference is it run again with all values kept, to
localise and explain.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.parity.after import explain_buffer, explain_training
from nlblocks.parity.align import Alignment
from nlblocks.parity.audit import audit, profile
from nlblocks.parity.finding import Finding, Phase
from nlblocks.parity.gradients import frozen, where_gradients_part, wrong_gradients
from nlblocks.parity.lab_report import LabReport
from nlblocks.parity.localise import localise, place
from nlblocks.parity.outputs import finite, first_not_finite, paired_outputs, structure
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.scales import Pass, Runs, Scales
from nlblocks.parity.trace import Trace
from nlblocks.parity.transfer import mirrored
from nlblocks.parity.unpaired import unpaired
from nlblocks.parity.verdict import RATIO

MOMENTUM_HELD = 2.0**-24 * 10 / 8
"""Paddle holds the weight of the old statistic as float32: off by 2^-24, seen against a tenth of the way. Counted as
rounding up to four times."""


class Judge:
    """Fills a report."""

    def __init__(self, report: LabReport, left: Runs, right: Runs, pairing: Pairing, seed: int) -> None:
        self.report, self.scales, self.pairs, self.seed = report, Scales(report, left, right), pairing, seed

    @property
    def agrees(self) -> bool:
        return all(f.phase == "buffers" or f.place == "attributes" for f in self.report.faults)

    def pairing(self, *, transferred: bool, states: tuple[State, State]) -> None:
        """What the pairing leaves over."""
        for finding in unpaired(self.pairs, transferred=transferred, states=states):
            self._add(finding)

    def evaluation(self) -> None:
        """The outputs in evaluation mode."""
        runs = self._run(training=False)
        if self._forward(runs, "eval forward"):
            self.report.layers = profile(runs.left, runs.right)

    def training(self, before: State) -> None:
        """Outputs, buffers and gradients of one pass in training mode."""
        runs = self._run(training=True)
        if self._forward(runs, "train forward") and self.agrees:
            self._buffers(runs, before)
            self._backward(runs)

    def _run(self, *, training: bool) -> Pass:
        left, right = self.scales.run(training=training, keep="digests")
        return Pass(left=left, right=right, training=training)

    def _forward(self, runs: Pass, phase: Phase) -> bool:
        """Whether the outputs agree; where and why not is a finding."""
        left, right = runs.left, runs.right
        self._audit(left, right)
        if not left.error and not right.error:
            for finding in structure(left, right, phase):
                self._add(finding)
            wrong = [
                (a, b)
                for a, b in paired_outputs(left, right)
                if not self.scales.agree(phase, ("output", a), left.output(a), right.output(b), runs)
            ]
            if not wrong or any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
                return not wrong
        else:
            wrong = []
        del left, right
        runs.left, runs.right = self.scales.run(training=runs.training, keep="values")
        if not runs.training:
            self.report.layers = profile(runs.left, runs.right)
        self._add(self._parting(runs.left, runs.right, wrong, phase))
        return False

    def _parting(self, left: Trace, right: Trace, wrong: list[tuple[str, str]], phase: Phase) -> Finding:
        """Where two forward passes part, from runs whose values were kept."""
        if left.error or right.error:
            return self._raised(left, right, phase)
        for side, trace in (("left", left), ("right", right)):
            bad = None if finite(trace) else first_not_finite(trace)
            if bad is not None:
                found = place(Alignment(left, right), None, {"left": [], "right": [], side: [bad]}, phase, 1.0)
                return replace(
                    found,
                    cause="values.not_finite",
                    place="layer" if bad.leaf else "between",
                    explanation=f"the {side} has NaN or infinity from {bad} on",
                )
        failed = [c for c in self.report.comparisons if not c.passed]
        error = max((c.difference.relative for c in failed if not c.difference.problem), default=1.0)
        floor = max((c.noise / c.difference.scale for c in failed if c.difference.scale), default=0.0)
        return localise(left, right, self.pairs, wrong, error, phase, self.seed, floor)

    def _raised(self, left: Trace, right: Trace, phase: Phase) -> Finding:
        """A model raises: the reason is where the traces part before, or the operation that raised."""
        if left.error and right.error:
            return Finding(
                phase=phase,
                place="layer",
                layer_left=left.error_scope,
                layer_right=right.error_scope,
                cause="input.rejected",
                explanation=f"both raise: {left.error} / {right.error}",
            )
        found = localise(left, right, self.pairs, [], 1.0, phase, self.seed)
        if found.cause is not None:
            return found
        return Finding(
            phase=phase,
            place="layer",
            cause="input.rejected",
            explanation=f"the {'left' if left.error else 'right'} raises {left.error or right.error}",
            layer_left=left.error_scope if left.error else found.layer_left,
            layer_right=right.error_scope if right.error else found.layer_right,
            after=found.after,
            before=found.before,
            operation=found.operation,
        )

    def _buffers(self, runs: Pass, before: State) -> None:
        """Running statistics after one training pass."""
        left, right = runs.left, runs.right
        names = {name for name, tensor in left.state.items() if tensor.buffer}
        theirs = mirrored(self.pairs, right.buffers_after, left.buffers_after)
        owner = {str(a.refs[role]): (a, b) for a, b in self.pairs.pairs for role in a.refs}
        for name in sorted(names & set(theirs)):
            mine = left.buffers_after[name]
            held = float(np.abs(mine - before[name]).max(initial=0.0)) * MOMENTUM_HELD
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
        if not wrong:
            return
        held = next(frozen(self.pairs, runs, wrong), None)
        if held is None:
            runs.left, runs.right = self.scales.run(training=True, keep="values")
            held = where_gradients_part(runs.left, runs.right, self.pairs, wrong, self.report, self.seed)
        self._add(held)

    def single(self, dtype: str) -> None:
        """The models' own dtype, explained by the noise floor."""
        if dtype != "float32":
            return
        left, right = self.scales.run(training=False, dtype=dtype, keep="results")
        runs = Pass(left=left, right=right, training=False, dtype=dtype)
        for side, trace in (("left", left), ("right", right)):
            if trace.error:
                text = f"the {side} raises {trace.error} in {dtype}"
                self._add(Finding(phase="float32", place="output", cause="input.rejected", explanation=text))
                return
        for a, b in zip(left.outputs, right.outputs, strict=False):
            if not self.scales.agree("float32", ("output", a), left.output(a), right.output(b), runs, other=b):
                worst = self.report.comparisons[-1]
                self._add(
                    Finding(
                        phase="float32",
                        place="output",
                        cause="precision.float32",
                        error=worst.difference.relative,
                        explanation=(
                            f"float64 agrees, {dtype} differs by {worst.ratio:.3g} noise floors "
                            f"({worst.difference.relative:.1e})"
                        ),
                    )
                )

    def steps(self, left: list[dict[str, Array]], right: list[dict[str, Array]], before: State) -> None:
        """States after each optimiser step."""
        noise = {
            c.name
            for c in self.report.comparisons
            if c.group == "grad_params" and c.noise and c.difference.scale <= RATIO * c.noise
        }
        found = explain_training(self.pairs, left, right, before, noise, self.report.steps)
        if found is not None:
            self._add(found)

    def _audit(self, left: Trace, right: Trace) -> None:
        """Attributes of partner layers that differ, whether or not the outputs show it."""
        known = {(f.cause, f.layer_left, f.layer_right) for f in self.report.findings}
        for finding in audit(left, right, self.pairs):
            if (finding.cause, finding.layer_left, finding.layer_right) not in known:
                self._add(finding)

    def _add(self, finding: Finding) -> None:
        if finding.cause in self.report.accept:
            finding = replace(finding, severity="note")
        self.report.findings.append(finding)
