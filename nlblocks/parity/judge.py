"""The verdict on two models: phase by phase, float64 first, every difference localised and explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.parity.after import explain_buffer, explain_training
from nlblocks.parity.align import Alignment, distance, layout_distance
from nlblocks.parity.audit import audit, profile
from nlblocks.parity.finding import Finding, Phase
from nlblocks.parity.lab_report import Comparison, LabReport
from nlblocks.parity.localise import last_layer, localise, localise_gradient, place
from nlblocks.parity.measure import Difference, measure
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.trace import Op, Trace
from nlblocks.parity.transfer import mirrored
from nlblocks.parity.unpaired import unpaired
from nlblocks.parity.verdict import EPSILON, RATIO

LIMIT = 1e-12
"""A float64 difference up to this, relative to the tensor's largest value, needs no further question."""
MOMENTUM_HELD = 2.0**-24 * 10 / 8
"""Paddle holds the weight of the old statistic as float32: off by 2^-24, seen against a tenth of the way. Counted as
rounding up to four times."""
MASKS = {"mask", "causal_mask", "masked_fill", "where", "constant", "full", "full_like", "triu", "tril"}
"""What is infinite on purpose."""
Key = tuple[str, str]


@dataclass(slots=True)
class Runs:
    """How one side is run, and how its noise floors are measured."""

    run: Callable[..., Trace]
    noise: Callable[..., Mapping[Key, float]]


class Judge:
    """Fills a report."""

    def __init__(self, report: LabReport, left: Runs, right: Runs, pairing: Pairing, seed: int) -> None:
        self.report, self.left, self.right, self.pairs, self.seed = report, left, right, pairing, seed
        self.train: tuple[Trace, Trace] | None = None

    @property
    def agrees(self) -> bool:
        return all(f.phase == "buffers" or f.place == "attributes" for f in self.report.faults)

    def pairing(self, *, transferred: bool, states: tuple[State, State]) -> None:
        """What the pairing leaves over."""
        for finding in unpaired(self.pairs, transferred=transferred, states=states):
            self._add(finding)

    def forward(self, mode: str) -> None:
        """Outputs in eval or train mode."""
        training = mode == "train"
        left, right = self.left.run(training=training), self.right.run(training=training)
        phase: Phase = "train forward" if training else "eval forward"
        if training:
            self.train = left, right
        self._audit(left, right)
        for side, trace in (("left", left), ("right", right)):
            if trace.error:
                self._raised(left, right, side, trace, phase)
                return
        pairs = self._outputs(left, right, phase)
        wrong = [
            (a, b)
            for a, b in pairs
            if not self._judge(phase, "output", a, left.output(a), right.output(b), left, right, training)
        ]
        if not training:
            self.report.layers = profile(left, right)
        if not wrong or any(f.cause in ("output.structure", "output.shape") for f in self.report.faults):
            return
        for side, trace in (("left", left), ("right", right)):
            bad = _first_not_finite(trace)
            if bad is not None:
                frontier = {"left": [], "right": [], side: [bad]}
                found = place(Alignment(left, right), None, frontier, phase, 1.0)
                self._add(
                    replace(
                        found,
                        cause="values.not_finite",
                        place="layer" if bad.leaf else "between",
                        explanation=f"the {side} has NaN or infinity from {bad} on",
                    )
                )
                return
        error = max(
            (c.difference.relative for c in self.report.comparisons if not c.passed and not c.difference.problem),
            default=1.0,
        )
        floor = max(
            (c.noise / c.difference.scale for c in self.report.comparisons if not c.passed and c.difference.scale),
            default=0.0,
        )
        self._add(localise(left, right, self.pairs, wrong, error, phase, self.seed, floor))

    def _raised(self, left: Trace, right: Trace, side: str, trace: Trace, phase: Phase) -> None:
        """One model raises: the reason is where the traces part before, or the operation that raised."""
        if left.error and right.error:
            self._add(
                Finding(
                    phase=phase,
                    place="layer",
                    layer_left=left.error_scope,
                    layer_right=right.error_scope,
                    cause="input.rejected",
                    explanation=f"both raise: {left.error} / {right.error}",
                )
            )
            return
        found = localise(left, right, self.pairs, [], 1.0, phase, self.seed)
        text = f"the {side} raises {trace.error}"
        if found.cause is None:
            found = Finding(
                phase=phase,
                place="layer",
                cause="input.rejected",
                explanation=text,
                layer_left=trace.error_scope if side == "left" else found.layer_left,
                layer_right=trace.error_scope if side == "right" else found.layer_right,
                after=found.after,
                before=found.before,
                operation=found.operation,
            )
        self._add(found)

    def _outputs(self, left: Trace, right: Trace, phase: Phase) -> list[tuple[str, str]]:
        """Pairs of outputs; a structure that differs is a finding."""
        a, b = list(left.outputs), list(right.outputs)
        pairs = _matched(left, right)
        if set(a) != set(b) and not (len(a) == len(b) == 1):
            alone = [n for n in a if n not in {x for x, _ in pairs}], [n for n in b if n not in {y for _, y in pairs}]
            self._output(
                left,
                right,
                alone[0][0] if alone[0] else "",
                alone[1][0] if alone[1] else "",
                phase,
                "output.structure",
                f"outputs are {', '.join(a) or 'one tensor'} on the left, {', '.join(b) or 'one tensor'} on the right",
            )
        for x, y in pairs:
            dtypes = left.output_dtypes[x], right.output_dtypes[y]
            if dtypes[0] != dtypes[1]:
                self._output(
                    left,
                    right,
                    x,
                    y,
                    phase,
                    "output.dtype",
                    f"output {x} is {dtypes[0]} on the left, {dtypes[1]} on the right",
                )
            mine, theirs = left.output(x), right.output(y)
            if (
                mine.shape != theirs.shape
                and mine.size == theirs.size
                and layout_distance(mine, theirs, LIMIT) <= LIMIT
            ):
                self._output(
                    left,
                    right,
                    x,
                    y,
                    phase,
                    "output.shape",
                    f"output {x} is {list(mine.shape)} on the left, {list(theirs.shape)} on the right; same values",
                )
            swapped = [
                n
                for n in b
                if n != y and right.output(n).shape == mine.shape and distance(mine, right.output(n)) <= LIMIT
            ]
            if swapped and not (mine.shape == theirs.shape and distance(mine, theirs) <= LIMIT):
                self._output(
                    left,
                    right,
                    x,
                    swapped[0],
                    phase,
                    "output.structure",
                    f"output {x} of the left is output {swapped[0]} of the right",
                )
        return pairs

    def _output(self, left: Trace, right: Trace, a: str, b: str, phase: Phase, cause: str, text: str) -> None:
        """A finding between the layer that makes an output and the output."""
        mine, theirs = (
            last_layer(trace, name) if name in trace.outputs else "" for trace, name in ((left, a), (right, b))
        )
        scopes = {x.name: y.name for x, y in self.pairs.pairs}
        after = (mine or {y: x for x, y in scopes.items()}.get(theirs, ""), theirs or scopes.get(mine, ""))
        self._add(Finding(phase=phase, place="between", cause=cause, explanation=text, after=after))

    def _judge(
        self,
        phase: Phase,
        group: str,
        name: str,
        a: Array,
        b: Array,
        left: Trace,
        right: Trace,
        training: bool,
        dtype: str = "float64",
        other: str | None = None,
        extra: float = 0.0,
    ) -> bool:
        """Compare one pair of tensors; the noise floor is measured only where it is needed."""
        difference = _measure(a, b)
        noise, ratio = 0.0, 0.0
        passed = not difference.problem
        if passed and (difference.relative > LIMIT or dtype != "float64"):
            noise = max(
                self._floor(self.left, left, training, dtype).get((group, name), 0.0),
                self._floor(self.right, right, training, dtype).get((group, other or name), 0.0),
                EPSILON[dtype] * difference.scale,
                extra,
            )
            ratio = difference.error / noise if noise else 0.0
            passed = ratio <= RATIO
        self.report.comparisons.append(
            Comparison(
                phase=phase, group=group, name=name, dtype=dtype, difference=difference, noise=noise, passed=passed
            )
        )
        return passed

    def _floor(self, runs: Runs, base: Trace, training: bool, dtype: str) -> Mapping[Key, float]:
        cache = self.report.floors.setdefault((id(runs), training, dtype), {})
        if "done" not in cache:
            cache["done"] = runs.noise(training=training, dtype=dtype, base=base)
        return cache["done"]

    def buffers(self, before: State) -> None:
        """Running statistics after one training pass."""
        assert self.train is not None
        left, right = self.train
        names = {name for name, tensor in left.state.items() if tensor.buffer}
        theirs = mirrored(self.pairs, right.buffers_after, left.buffers_after)
        owner = {str(a.refs[role]): (a, b) for a, b in self.pairs.pairs for role in a.refs}
        for name in sorted(names & set(theirs)):
            moved = np.abs(left.buffers_after[name] - before[name]).max(initial=0.0)
            mine = left.buffers_after[name]
            if self._judge(
                "buffers", "buffers", name, mine, theirs[name], left, right, True, extra=moved * MOMENTUM_HELD
            ):
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

    def backward(self) -> None:
        """Gradients of inputs and parameters."""
        assert self.train is not None
        left, right = self.train
        theirs = mirrored(
            self.pairs,
            right.grad_params,
            left.grad_params | {n: np.zeros(t.shape) for n, t in left.state.items() if n not in left.grad_params},
        )
        names = sorted(set(left.grad_inputs) | set(right.grad_inputs))
        wrong = [("input", name) for name in names if not self._input_gradient(name, left, right)]
        for name in left.state:
            mine, other = left.grad_params.get(name), theirs.get(name)
            if mine is None and other is None:
                continue
            if mine is None or other is None:
                if name in {str(a) for a, *_ in self.pairs.roles()} and not _zero(mine if mine is not None else other):
                    wrong.append(("frozen", name))
                continue
            known = np.isfinite(other) if np.isnan(other).any() else slice(None)
            if not self._judge(
                "backward",
                "grad_params",
                name,
                mine[known],
                other[known],
                left,
                right,
                True,
                other=self.pairs.names.get(name),
            ):
                wrong.append(("parameter", name))
        if not wrong:
            return
        error = max(
            (c.difference.relative for c in self.report.comparisons if c.phase == "backward" and not c.passed),
            default=1.0,
        )
        frozen = [name for kind, name in wrong if kind == "frozen"]
        owner = {a.refs[role].name: (a, b) for a, b in self.pairs.pairs for role in a.refs}
        trainable = [n for n in frozen if left.state[n].trainable != self._trainable(right, n)]
        if trainable:
            a, b = owner[trainable[0]]
            self._add(
                Finding(
                    phase="backward",
                    place="parameters",
                    layer_left=a.name,
                    layer_right=b.name,
                    cause="gradient.frozen",
                    explanation=f"{trainable[0]} is trained on one side only",
                    error=1.0,
                )
            )
            return
        found = localise_gradient(left, right, {f"{kind}:{name}" for kind, name in wrong}, error)
        if found is None:
            name = wrong[0][1]
            first, second = owner.get(name, (None, None))
            found = Finding(
                phase="backward",
                place="parameters",
                layer_left=first.name if first else "",
                layer_right=second.name if second else "",
                explanation=f"gradient of {name} differs",
                error=error,
            )
        self._add(found)

    def _input_gradient(self, name: str, left: Trace, right: Trace) -> bool:
        a, b = left.grad_inputs.get(name), right.grad_inputs.get(name)
        if a is None or b is None:
            return False
        return self._judge("backward", "grad_input", name, a, b, left, right, True)

    def _trainable(self, right: Trace, name: str) -> bool:
        other = right.state.get(self.pairs.names.get(name, ""))
        return bool(other and other.trainable)

    def single(self, dtype: str, training: bool) -> None:
        """The models' own dtype, explained by the noise floor."""
        if dtype != "float32":
            return
        options: dict[str, Any] = {"training": False, "dtype": dtype, "capture": False}
        left, right = self.left.run(**options), self.right.run(**options)
        for side, trace in (("left", left), ("right", right)):
            if trace.error:
                self._add(
                    Finding(
                        phase="float32",
                        place="output",
                        cause="input.rejected",
                        explanation=f"the {side} raises {trace.error} in {dtype}",
                    )
                )
                return
        for a, b in _matched(left, right):
            if not self._judge("float32", "output", a, left.output(a), right.output(b), left, right, False, dtype, b):
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

    def training(self, left: list[dict[str, Array]], right: list[dict[str, Array]], before: State) -> None:
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


def _matched(left: Trace, right: Trace) -> list[tuple[str, str]]:
    """Outputs by name; by position where no name is on both sides."""
    a, b = list(left.outputs), list(right.outputs)
    return [(name, name) for name in a if name in b] if set(a) & set(b) else list(zip(a, b, strict=False))


def _measure(a: Array, b: Array) -> Difference:
    if a.dtype.kind == b.dtype.kind == "f":
        a, b = a.astype(np.float64), b.astype(np.float64)
    elif a.dtype.kind in "iub" and b.dtype.kind in "iub":
        a, b = a.astype(np.int64), b.astype(np.int64)
    return measure(a, b)


def _zero(array: Array | None) -> bool:
    return array is None or not np.nan_to_num(array).any()


def _first_not_finite(trace: Trace) -> Op | None:
    """The first operation that makes NaN or infinity of finite numbers, if an output holds any."""
    outputs = [trace.values[n] for n in trace.outputs.values()]
    if all(v.dtype.kind != "f" or np.isfinite(v).all() for v in outputs):
        return None
    bad: set[int] = set()
    for op in trace.ops:
        for number in op.outputs:
            value = trace.values.get(number)
            if value is None or value.dtype.kind != "f" or np.isfinite(value).all() or op.kind in MASKS:
                continue
            if not any(n in bad for n in op.inputs):
                return op
            bad.add(number)
    return None
