"""From one difference to the next: the right model is helped over each, so that the next shows by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nlblocks.parity.explaining.localise import Located, localise, place
from nlblocks.parity.findings.comparison import Comparison
from nlblocks.parity.findings.finding import Finding, Phase
from nlblocks.parity.judging.attributes import profile
from nlblocks.parity.judging.gradients import Wrong, where_gradients_part, wrong_gradients
from nlblocks.parity.judging.noise_floor import Scales
from nlblocks.parity.judging.outputs import finite, first_not_finite, paired_outputs
from nlblocks.parity.judging.substitutions import Joints, partners_by_parameter, users_of
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.matching.by_digest import ByDigest
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.parity.running.passes import Pass
from nlblocks.parity.tracing.trace import Trace

PLACES = 8
"""Faults that are looked for one by one."""


class Walk:
    """Runs the two sides, and goes on behind every fault that it finds. ``add`` tells whether a finding is new.

    ``whole`` is false where some operations could not be judged.
    """

    def __init__(self, scales: Scales, pairs: Pairing, seed: int, add: Callable[[Finding], bool]) -> None:
        self.scales, self.pairs, self.seed, self.add = scales, pairs, seed, add
        self.report, self.joints, self.places = scales.report, Joints(), 0
        self.whole = True

    def run(self, *, training: bool) -> Pass:
        """A pass with digests; with all of the left's values where the right is to be given some."""
        left = self.scales.left.run(training=training, keep="values" if self.joints else "digests")
        return self._beside(left, training, "digests")

    def _beside(self, left: Trace, training: bool, keep: str) -> Pass:
        given = self.joints.given(left)
        right = self.scales.right.run(training=training, keep=keep, given=given)
        return Pass(left=left, right=right, training=training, given=given)

    def forward(self, runs: Pass, phase: Phase) -> bool:
        """Find the differences on the way to the outputs; whether all were passed, so that the outputs agree."""
        left = runs.left = self.scales.left.run(training=runs.training, keep="values")
        while True:
            now = self._beside(left, runs.training, "values")
            if not self.report.layers:
                self.report.layers = profile(left, now.right)
            wrong = [] if left.error or now.right.error else self._outputs(now, phase)
            if not wrong and not left.error and not now.right.error:
                runs.right, runs.given = now.right, now.given
                return True
            if self.places == PLACES:
                return self._stop(f"what follows {PLACES} places that were found one by one")
            located = self._parting(left, now.right, wrong, phase)
            finding = located.finding if isinstance(located, Located) else located
            self.places += self.add(finding)
            if not isinstance(located, Located) or not self.scales.right.again:
                return self._stop(f"what follows {finding.where}")
            skipped = self.joints.forward(located, self.pairs, [(a, b) for (a, b), _ in wrong])
            if skipped is None:
                return self._stop(f"what follows {finding.where}: the left's values do not fit the right's operations")
            if skipped:
                self.whole = self._stop(f"what lies behind {skipped}")
            del now, located  # before as much is kept again

    def _outputs(self, runs: Pass, phase: Phase) -> list[tuple[tuple[str, str], Comparison]]:
        """The outputs that differ."""
        pairs = paired_outputs(runs.left, runs.right)
        found = [
            self.scales.weigh(phase, ("output", a), runs.left.output(a), runs.right.output(b), runs) for a, b in pairs
        ]
        return [(pair, comparison) for pair, comparison in zip(pairs, found, strict=True) if not comparison.passed]

    def _parting(
        self, left: Trace, right: Trace, wrong: list[tuple[tuple[str, str], Comparison]], phase: Phase
    ) -> Finding | Located:
        """Where two forward passes part."""
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
        failed = [comparison for _, comparison in wrong]
        error = max((c.difference.relative for c in failed if not c.difference.problem), default=1.0)
        floor = max((c.noise / c.difference.scale for c in failed if c.difference.scale), default=0.0)
        return localise(left, right, self.pairs, [pair for pair, _ in wrong], error, phase, self.seed, floor)

    def _raised(self, left: Trace, right: Trace, phase: Phase) -> Finding:
        """A model raises: the reason is where the traces part before, or the operation that raised."""
        if left.error and right.error:
            hint = "; compare without training (training=False, --eval-only)" if left.training else ""
            return Finding(
                phase=phase,
                place="layer",
                layer_left=left.error_scope,
                layer_right=right.error_scope,
                cause="input.rejected",
                explanation=f"both fail: {left.error} / {right.error}{hint}",
            )
        found = localise(left, right, self.pairs, [], 1.0, phase, self.seed).finding
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

    def backward(self, runs: Pass, wrong: Wrong) -> None:
        """Find the differences on the way back from the outputs."""
        known = self.unjudged(runs)
        wrong = [(kind, name) for kind, name in wrong if (f"input:{name}" if kind == "input" else name) not in known]
        if not wrong:
            return
        left = self.scales.left.run(training=True, keep="values")
        while wrong:
            if self.places == PLACES:
                self._stop(f"gradients behind {PLACES} places that were found one by one")
                return
            now = self._beside(left, True, "values")
            located = where_gradients_part(left, now.right, self.pairs, wrong, self.report)
            if isinstance(located, Finding):
                if self.joints.values:
                    self._stop(f"the gradients of {', '.join(name for _, name in wrong)}, beside what was found before")
                else:
                    self.add(located)
                return
            if not any(op is not None and op.site in self.joints.faulty[side] for side, op in located.ops.items()):
                self.places += self.add(located.finding)
            if not self.scales.right.again or not self.joints.backward(left, now.right, located.numbers):
                return
            kept = {name for _, name in wrong}
            now = self._beside(left, True, "results")
            again = wrong_gradients(self.scales, self.pairs, replace(now, left=runs.left), record=False)
            wrong = [(kind, name) for kind, name in again if name in kept]

    def unjudged(self, runs: Pass) -> set[str]:
        """The left's parameters, buffers and inputs ("input:0") that known faults touch, or whose operations the two
        sides give different inputs.
        """
        if not self.joints:
            return set()
        sketch = ByDigest(runs.left, runs.right, 1e-6)
        users = users_of(runs.right)
        found = set(self.joints.touched)
        for op in runs.left.ops:
            partners = partners_by_parameter(runs.left, op, self.pairs.names, users)
            if partners and not any(other.inputs[0] in sketch.to_right[op.inputs[0]] for other in partners):
                found |= {name for n in op.inputs if (name := runs.left.parameter(n)) is not None}
        return found

    def _stop(self, text: str) -> bool:
        if text not in self.report.not_compared:
            self.report.not_compared.append(text)
        return False
