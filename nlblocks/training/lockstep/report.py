"""The verdict on two trainings: true, printable, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError, file_path
from nlblocks.numerics import Comparison
from nlblocks.parity.rendering import LabReport
from nlblocks.weights.files.atomic import write_json

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
class Dead:
    """A parameter whose gradient is zero but for rounding, which its optimiser may make into steps of full size."""

    name: str
    apart: float
    nudge: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where two trainings part: after ``step`` steps, 0 for the start. ``others`` part in the same step.

    ``alone`` says what the step does when both frameworks take it from the first's bits; ``lab`` is what the lab says
    of the two models there, where the step alone parts before the optimiser has a part in it.
    """

    step: int
    first: Comparison
    others: Sequence[Comparison]
    alone: str = ""
    lab: LabReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What could not be judged after ``step`` steps, and why; nor could it be after them."""

    step: int
    where: Comparison

    def to_dict(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockstepReport:
    """The result of :func:`nlblocks.training.lockstep.lockstep`: true where both are the same training.

    ``worst`` is, of each kind of tensor, the comparison that is the farthest apart, and how far a nudge moved that
    tensor, both in units of its largest value. ``chaos`` is where the losses could no longer be judged,
    ``unjudged`` where some tensor could not. ``alone`` counts the steps that were also taken from the first's bits.
    """

    model: str
    pair: tuple[str, str]
    precision: str
    batch_size: int
    steps: int
    losses: Sequence[StepLosses]
    worst: dict[str, tuple[Comparison, float]]
    dead: Sequence[Dead]
    drifting: Sequence[str]
    alone: int
    alone_unjudged: Sequence[str]
    nudges: int
    parting: Parting | None = None
    unjudged: Open | None = None
    chaos: Open | None = None
    without_dropout: bool = False
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """One of "same", "different" and "not compared"."""
        if self.parting is not None:
            return "different"
        return "not compared" if self.opened or not self.losses else "same"

    @property
    def opened(self) -> Open | None:
        """What could first not be judged."""
        found = [one for one in (self.unjudged, self.chaos) if one is not None]
        return min(found, key=lambda one: one.step, default=None)

    def __bool__(self) -> bool:
        return self.verdict == "same"

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data; NaN and infinity become null in a file.

        ``losses`` has a row a step, ``worst`` a row a kind of tensor; a compared tensor is as in the lab's report.
        """
        parting = self.parting and {
            "step": self.parting.step, "first": self.parting.first.to_dict(), "alone": self.parting.alone,
            "others": [one.to_dict() for one in self.parting.others],
            "lab": self.parting.lab and self.parting.lab.to_dict(),
        }  # fmt: skip
        return {
            "verdict": self.verdict, "model": self.model, "pair": list(self.pair), "precision": self.precision,
            "batch_size": self.batch_size, "steps": self.steps, "nudges": self.nudges, "seconds": self.seconds,
            "without_dropout": self.without_dropout, "losses": [asdict(one) for one in self.losses],
            "worst": {name: {**one.to_dict(), "nudge": nudge} for name, (one, nudge) in self.worst.items()},
            "dead": [asdict(one) for one in self.dead], "drifting": list(self.drifting), "alone": self.alone,
            "alone_unjudged": list(self.alone_unjudged), "parting": parting,
            "unjudged": self.unjudged and self.unjudged.to_dict(), "chaos": self.chaos and self.chaos.to_dict(),
        }  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write ``.json``, whole or not at all."""
        target = file_path(path)
        if target.suffix != ".json":
            raise InputError(f"report {target} must end in .json")
        write_json(target, self.to_dict())


def _lines(report: LockstepReport) -> Iterator[str]:
    """The report as people read it: the verdict, what it rests on, what it does not cover."""
    both = " and ".join(report.pair)
    if report.parting is not None:
        yield f"{report.model}: not the same training in {both}: they part {_when(report.parting)}"
        yield from _parting(report.parting)
    elif report.opened is not None:
        yield from _open(report, both)
    else:
        yield f"{report.model}: the same training in {both}"
    yield f"{report.precision}, {report.steps} steps of {report.batch_size} images{_losses(report.losses)}"
    if report.opened is not None and report.opened.step > 1:
        yield f"  before step {report.opened.step}{_losses(report.losses[: report.opened.step - 1])}"
    for group, (one, nudge) in report.worst.items():
        if group != "loss" and (one.difference.error or nudge):
            apart = f"{one.difference.relative:.0e} of the largest value, nudge {nudge:.0e}"
            yield f"  {group} apart by at most {apart}, in {one.name}"
    yield from _besides(report)


def _open(report: LockstepReport, both: str) -> Iterator[str]:
    """What could not be judged, and since when."""
    chaos, some = report.chaos, report.unjudged
    if chaos is not None:
        what = "not finite" if chaos.where.difference.not_finite else "chaotic"
        yield f"{report.model}: not compared in {both}: the training is {what} from step {chaos.step} on"
        yield f"  there {_jump(chaos)}; until then the losses agree"
    else:
        yield f"{report.model}: not compared in {both}: the losses agree, not all of the tensors are judged"
    if some is not None:
        yield f"  all tensors agree until step {some.step}, where {_jump(some)}"


def _jump(found: Open) -> str:
    return f"{found.where.undecided} ({_name(found.where)})"


def _besides(report: LockstepReport) -> Iterator[str]:
    """What is said of some tensors and steps only."""
    if report.dead:
        apart, nudge = (max(getattr(one, name) for one in report.dead) for name in ("apart", "nudge"))
        yield (
            f"{len(report.dead)} weights are not judged: their gradient is zero but for rounding, of which the "
            f"optimiser makes steps that change no loss; apart by {apart:.0e}, nudge {nudge:.0e}: "
            + _listed([one.name for one in report.dead])
        )
    if report.drifting:
        yield (
            f"{len(report.drifting)} buffers move with them, and are judged where both start from the same bits: "
            + _listed(report.drifting)
        )
    if report.alone:
        unjudged = f"; not judged there: {_listed(report.alone_unjudged)}" if report.alone_unjudged else ""
        agree = "" if report.parting else ", and agree"
        yield f"steps that were also taken from the same bits{agree}: {report.alone}{unjudged}"
    if report.without_dropout:
        yield "dropout is off"


def _losses(losses: Sequence[StepLosses]) -> str:
    if not losses:
        return ""
    apart, nudge = max(one.apart for one in losses), max(one.nudge for one in losses)
    return f": losses apart by at most {apart:.1e}, nudge {nudge:.1e}"


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
    if parting.alone:
        yield f"  {parting.alone}"
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
