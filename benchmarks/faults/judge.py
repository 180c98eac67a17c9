"""What ``parity.compare`` says about a case, held against what it should say."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.case import Case
from benchmarks.faults.hand import ideal
from benchmarks.faults.optimisers import OPTIMISERS, STEPS
from nlblocks import parity

Ends = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """``right`` of a correct pair is that the report is true; of a fault, see :meth:`complete`."""

    case: Case
    caught: bool = False
    located: bool = False
    explained: bool = False
    said: str = ""
    place: str = ""
    cause: str | None = None
    crashed: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.crashed and not self.caught

    @property
    def complete(self) -> bool:
        return self.caught and self.located and self.explained


def judge(case: Case, seed: int = 0) -> Outcome:
    """Compare the pair. An exception is an outcome too: nothing is caught by a crash."""
    outcome = Outcome(case=case)
    start = time.perf_counter()
    try:
        report = compare(case, seed)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome.crashed = f"{type(error).__name__}: {error} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno})"
        return outcome
    finally:
        outcome.seconds = time.perf_counter() - start
    found = relevant(case, report)
    outcome.caught = not report or found is not None
    outcome.said = str(report)
    if found is None:
        return outcome
    outcome.place, outcome.cause = describe(found), found.cause
    outcome.located = any(matches(found, start, end) for start, end in case.places())
    outcome.explained = found.cause in case.cause
    return outcome


def compare(case: Case, seed: int = 0) -> Any:
    """The call that a user makes: fresh models, or the weights they have where the case says so."""
    left, right = ideal(case, "float32", seed)[:2] if case.keeps_weights else case.build(seed)
    optimiser = OPTIMISERS[case.optimiser] if case.optimiser else None
    return parity.compare(
        left,
        right,
        case.inputs(seed),
        seed=seed,
        transfer=not case.keeps_weights,
        randomise=not case.keeps_weights,
        steps=STEPS if optimiser else None,
        optimiser=optimiser,
    )


def relevant(case: Case, report: Any) -> Any:
    """The finding that the report puts first. Where nothing computed differs, the note that names the place will do."""
    if report.finding is not None and not report:
        return report.finding
    notes = [note for note in report.findings if any(matches(note, start, end) for start, end in case.places())]
    return notes[0] if case.phase in ("attributes", "values") and notes else None


def describe(finding: Any) -> str:
    """The place in the notation of the cases."""
    if finding.place == "between":
        (a, b), (c, d) = finding.after, finding.before
        return f"{a or 'input'} = {b or 'input'} > {c or 'output'} = {d or 'output'}"
    return f"{finding.place}: {finding.layer_left or '-'} = {finding.layer_right or '-'}"


def matches(finding: Any, start: Ends, end: Ends | None) -> bool:
    """Whether a finding is at a place: both ends of a gap, or the layer, by the names of either side.

    "optimiser" stands for what belongs to no layer, "output" for the structure of what the model returns.
    """
    if start[0] == "optimiser":
        return finding.phase == "training"
    if start[0] == "output":
        return finding.place == "output"
    if end is None:
        return finding.place != "between" and any(
            name and (name == want or (name.startswith(f"{want}.") and finding.place in ("parameters", "buffers")))
            for name, want in zip((finding.layer_left, finding.layer_right), start, strict=True)
        )
    return finding.place == "between" and any(
        finding.after[side] == start[side].replace("input", "")
        and finding.before[side] == end[side].replace("output", "")
        for side in (0, 1)
    )
