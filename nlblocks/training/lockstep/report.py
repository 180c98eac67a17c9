"""The verdict on two trainings: true, printable, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlblocks.errors import file_path
from nlblocks.numerics import Comparison
from nlblocks.parity.rendering import LabReport
from nlblocks.weights.files.atomic import check_file, write_json

SHOWN = 4
"""Names that a line of text lists; the JSON has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLosses:
    """The losses of a step on both sides, and how far from the first the nudged runs' is."""

    first: float
    second: float
    nudge: float

    @property
    def apart(self) -> float:
        return abs(self.first - self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far the runs have come apart, each left to itself, and a nudged run, in units of the largest value."""

    apart: float
    nudge: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where two trainings part: after ``step`` steps, 0 for the start. ``others`` part in the same step.

    ``lab`` is what the lab says of the two models there, where the step parts before the optimiser has a part in it.
    """

    step: int
    first: Comparison
    others: Sequence[Comparison]
    why: str
    lab: LabReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What could not be judged in step ``step``, and why."""

    step: int
    where: Comparison

    def to_dict(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockstepReport:
    """The result of :func:`nlblocks.training.lockstep.lockstep`: true where both are the same training.

    ``losses`` and ``drift`` are of the runs that were left to themselves; everything else is of single steps, from the
    same bits. ``worst`` is, of each kind of tensor, the comparison that is the farthest apart, and how far nudges moved
    that tensor, both in units of its largest value; ``zero`` are the parameters whose gradient is zero but for
    rounding. ``opened`` is what could not be judged, the first of each step; ``tied`` are gradients that float32 leaves
    open, where a ReLU or a maximum may fall on either side: float64 has judged them. ``swapped`` counts the steps that
    the second took from the first's bits, too.
    """

    model: str
    pair: tuple[str, str]
    precision: str
    batch_size: int
    steps: int
    losses: Sequence[StepLosses]
    drift: dict[str, Drift]
    worst: dict[str, tuple[Comparison, float]]
    zero: Sequence[str]
    swapped: int
    parting: Parting | None = None
    opened: Sequence[Open] = ()
    tied: Sequence[Open] = ()
    without_dropout: bool = False
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """One of "same", "different" and "not compared"."""
        if self.parting is not None:
            return "different"
        return "not compared" if self.opened or not self.losses else "same"

    def __bool__(self) -> bool:
        return self.verdict == "same"

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data; NaN and infinity become null in a file.

        ``losses`` has a row a step, ``worst`` a row a kind of tensor; a compared tensor is as in the lab's report.
        """
        parting = self.parting and {
            "step": self.parting.step, "first": self.parting.first.to_dict(), "why": self.parting.why,
            "others": [one.to_dict() for one in self.parting.others],
            "lab": self.parting.lab and self.parting.lab.to_dict(),
        }  # fmt: skip
        return {
            "verdict": self.verdict, "model": self.model, "pair": list(self.pair), "precision": self.precision,
            "batch_size": self.batch_size, "steps": self.steps, "seconds": self.seconds,
            "without_dropout": self.without_dropout, "losses": [asdict(one) for one in self.losses],
            "drift": {name: asdict(one) for name, one in self.drift.items()},
            "worst": {name: {**one.to_dict(), "nudge": nudge} for name, (one, nudge) in self.worst.items()},
            "zero": list(self.zero), "swapped": self.swapped, "parting": parting,
            "opened": [one.to_dict() for one in self.opened], "tied": [one.to_dict() for one in self.tied],
        }  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write ``.json``, whole or not at all."""
        target = file_path(path)
        check_file(target, ".json")
        write_json(target, self.to_dict())


def _lines(report: LockstepReport) -> Iterator[str]:
    """The report as people read it: the verdict, what it rests on, what it does not cover."""
    both = " and ".join(report.pair)
    if report.parting is not None:
        yield f"{report.model}: not the same training in {both}: they part {_when(report.parting)}"
        yield from _parting(report.parting)
    elif report.opened:
        yield f"{report.model}: not compared in {both}: {_open(report)}"
        yield from (f"  step {one.step}: {_name(one.where)}: {one.where.undecided}" for one in report.opened[:SHOWN])
    else:
        yield f"{report.model}: the same training in {both}"
    yield f"{report.precision}, {report.steps} steps of {report.batch_size} images, each from the same bits"
    for kind, (one, nudge) in report.worst.items():
        if one.difference.error or nudge:
            apart = f"{one.difference.relative:.0e} of the largest value" + (f", nudge {nudge:.0e}" if nudge else "")
            yield f"  {kind} apart{_from(one)} by at most {apart}, in {one.name}"
    yield from _besides(report)


def _open(report: LockstepReport) -> str:
    """How many steps could not be judged, and since when."""
    steps = {one.step for one in report.opened}
    return f"{len(steps)} of {report.steps} steps are not judged, the first of them step {min(steps)}"


def _from(one: Comparison) -> str:
    return "" if one.pair[1] != f"{one.pair[0]} in float64" else f" from {one.pair[1]}"


def _besides(report: LockstepReport) -> Iterator[str]:
    """What is said of some steps and tensors only, and of the runs that were left to themselves."""
    if report.losses:
        apart, nudge = (max(getattr(one, name) for one in report.losses) for name in ("apart", "nudge"))
        ends = [f"{name} {one.apart:.0e}, nudge {one.nudge:.0e}" for name, one in report.drift.items()]
        yield f"each left to itself: losses apart by at most {apart:.1e}, nudge {nudge:.1e}; at the end " + "; ".join(
            ends
        )
    if report.swapped:
        agree = "" if report.parting else ", and agree"
        yield f"steps that were also taken from {report.pair[0]}'s bits{agree}: {report.swapped}"
    if report.tied:
        steps = _listed([str(step) for step in dict.fromkeys(one.step for one in report.tied)])
        yield f"gradients that float32 leaves open, at thresholds, and float64 has judged: in step {steps}"
    if report.zero:
        yield f"{len(report.zero)} gradients are zero but for rounding: {_listed(report.zero)}"
    if report.without_dropout:
        yield "dropout is off"


def _when(parting: Parting) -> str:
    return f"in step {parting.step}" if parting.step else "before the first step"


def _parting(parting: Parting) -> Iterator[str]:
    one = parting.first
    found = one.difference
    if found.problem:
        yield f"  {_name(one)}: {found.problem}"
    else:
        values = " and ".join(
            f"{value!r} in {side}" for value, side in zip(one.difference.values, one.pair, strict=True)
        )
        nudge = "" if one.noise is None else f", {one.ratio:.0e} times what nudges make of it"
        at = f" at {list(found.index)}" if found.index else ""
        yield f"  {_name(one)} is {values}{at}: apart by {found.relative:.0e} of the largest value{nudge}"
    if parting.others:
        yield f"  with it part {_listed([_name(other) for other in parting.others])}"
    yield f"  {parting.why}"
    if parting.lab is not None:
        yield from (f"  {line}" for line in str(parting.lab).splitlines())


def _name(one: Comparison) -> str:
    """A tensor in words."""
    if one.group == "loss":
        return "the loss"
    words = {
        "gradients": "the gradient of ",
        "weights": "the weight ",
        "buffers": "the buffer ",
        "batch": "the batch's ",
    }
    return words.get(one.group, f"the optimiser's {one.group} of ") + one.name


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
