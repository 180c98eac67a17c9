"""Convert a checkpoint of one model into one of another by the pairing of the two, and run both with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nlblocks.parity.judging import Judge
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.rendering import LabReport
from nlblocks.parity.running import Subject
from nlblocks.weights.conversion import Plan
from nlblocks.weights.files import Tensor


@dataclass(frozen=True, slots=True)
class Converted:
    """What is to be written, in the layout of the ``framework``, and what both models compute with these weights."""

    plan: Plan
    framework: str
    report: LabReport

    @property
    def agree(self) -> bool:
        """Whether both models give the same outputs."""
        return bool(self.report.comparisons) and all(c.passed for c in self.report.comparisons)


def convert_like(
    tensors: Mapping[str, Tensor], left: Any, right: Any, inputs: Any, *, record: Mapping[str, Any] | None = None,
    rename: Rename | None = None, seed: int = 0, progress: Callable[[str], None] | None = None,
) -> Converted:  # fmt: skip
    """A checkpoint of the ``left`` as one of the ``right``, models of any two frameworks; neither is changed.

    Every tensor of the file is moved, or named where it makes no difference; so is every one of the right. Then both
    are run in evaluation, in float64 and in their own dtype, each with its weights. The arguments are those of
    :func:`nlblocks.parity.compare`; ``record`` is what the conversion that made the checkpoint has left in it. Raises
    InputError that lists all that goes nowhere, and all that nothing fills.
    """
    start = time.perf_counter()
    a, b = Subject.both(left, right, inputs, seed, progress)
    training = not (a.untrained or b.untrained)
    trained = (lambda: (a.in_training(), b.in_training())) if training else None
    structures = Subject.structures(a, b, training=training)
    (a, b), structures, _ = Subject.refitted(a, b, structures, training=training)
    lines = structures[0].lines, structures[1].lines
    pairing = pair(*structures, rename, trained).weighed((a.own, b.own))
    pairing = pairing.filed((a.filed, b.filed), (a.own, b.own))
    plan = pairing.conversion(tensors, record)
    states = pairing.traced(tensors, 0), pairing.traced(plan.tensors, 1)
    judge = Judge(a.with_state({**a.own, **states[0]}), b.with_state({**b.own, **states[1]}), pairing, seed)
    judge.judge(transferred=True, training=False, steps=False)
    return Converted(plan, b.framework, judge.build(LabReport, a.shapes, time.perf_counter() - start, lines))
