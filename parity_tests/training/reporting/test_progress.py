"""Progress says where the study stands: bars on a terminal, a line an epoch elsewhere, and how long is left."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nlblocks.training.reporting import progress
from nlblocks.training.reporting.progress import StudyProgress
from nlblocks.training.runs import RunFolder, StudyFolder
from parity_tests.helpers.studies import STEPS, study_folder

EPOCHS = 6
SECONDS = 2.0
"""A step, by the clock of these tests."""


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass(frozen=True)
class Step:
    step: int
    loss: float = 0.5


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Two seeds in both frameworks; without checkpoints no run counts as done."""
    return StudyFolder(study_folder(tmp_path_factory.mktemp("study"), seeds=2))


def places(study: StudyFolder) -> list[tuple[str, str, int]]:
    variants = [variant.name for variant in study.recipe.variants]
    return [(name, backend, seed) for seed in (0, 1) for name in variants for backend in ("torch", "paddle")]


def shown(
    study: StudyFolder, clock: Clock, *runs: tuple[str, str, int], terminal: bool = False, wait: float = 0.0
) -> str:
    """What is shown while some runs are trained, a step every so many seconds; before each run comes a wait."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120, color_system=None)
    with StudyProgress(places(study), EPOCHS, STEPS, console) as bars:
        for place in runs:
            clock.now += wait
            for event in events(study.path / place[0] / place[1] / f"seed-{place[2]}"):
                clock.now += SECONDS * isinstance(event, Step)
                bars.take(RunFolder(study.path / place[0] / place[1] / f"seed-{place[2]}"), event)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def events(folder: Path) -> list[Any]:
    """The events of a run, in order."""
    run = RunFolder(folder)
    ends = {epoch.step: epoch for epoch in run.epochs()}
    steps = range(1, EPOCHS * STEPS + 1)
    return [event for step in steps for event in (Step(step), *([ends[step]] if step in ends else []))]


def test_without_a_terminal_a_line_follows_each_epoch(study: StudyFolder, clock: Clock) -> None:
    lines = shown(study, clock, ("baseline", "torch", 0)).splitlines()
    assert len(lines) == EPOCHS
    epoch = RunFolder(study.path / "baseline" / "torch" / "seed-0").epochs()[2]
    assert lines[2].startswith(
        f"run 1 of 24, baseline in torch, seed 0: epoch 3 of 6, loss {epoch.loss:.3f}, "
        f"test loss {epoch.test_loss:.3f}, top-1 {100 * epoch.top1:.1f} %; "
    )


def test_the_time_left_is_that_of_all_runs_that_are_left(study: StudyFolder, clock: Clock) -> None:
    lines = shown(study, clock, ("baseline", "torch", 0)).splitlines()
    left = (24 * EPOCHS - 3) * STEPS * SECONDS
    assert lines[2].endswith(f"; {progress.duration(left)} left")


def test_a_slow_framework_makes_its_own_runs_alone_longer(study: StudyFolder, clock: Clock) -> None:
    stream = io.StringIO()
    with StudyProgress(places(study), EPOCHS, STEPS, Console(file=stream)) as bars:
        seconds = {"torch": 1.0, "paddle": 10.0}
        for name, backend in (("baseline", "torch"), ("baseline", "paddle"), ("embedded", "torch")):
            folder = study.path / name / backend / "seed-0"
            for event in events(folder):
                clock.now += seconds[backend] * isinstance(event, Step)
                bars.take(RunFolder(folder), event)
    left = EPOCHS * STEPS * (10 * 1.0 + 11 * 10.0)
    assert stream.getvalue().splitlines()[-1].endswith(f"; {progress.duration(left)} left")


def test_the_wait_before_a_first_step_is_no_measure(study: StudyFolder, clock: Clock) -> None:
    lines = shown(study, clock, ("baseline", "torch", 0), wait=1000.0).splitlines()
    assert lines[0].endswith(f"; {progress.duration((24 * EPOCHS - 1) * STEPS * SECONDS)} left")


def test_runs_that_are_done_already_take_no_time(
    study: StudyFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [run.path for run in study.runs() if run.recipe.seed == 1]
    monkeypatch.setattr(RunFolder, "done", property(lambda run: run.path in later))
    lines = shown(study, clock, ("baseline", "torch", 0)).splitlines()
    left = (12 * EPOCHS - 1) * STEPS * SECONDS
    assert lines[0].endswith(f"; {progress.duration(left)} left")


def test_on_a_terminal_bars_say_where_the_study_stands(study: StudyFolder, clock: Clock) -> None:
    found = shown(study, clock, ("baseline", "torch", 0), ("baseline", "paddle", 0), terminal=True)
    assert "run 2 of 24" in found
    assert re.search(r"baseline in paddle, seed 0 .*epoch 6 of 6 +loss \d\.\d{3} +top-1 \d\d\.\d %", found)
    ends = [line for line in found.splitlines() if "in the last epoch" in line]
    assert [line.strip().partition(":")[0] for line in ends] == [
        "baseline in torch, seed 0",
        "baseline in paddle, seed 0",
    ]


def test_a_loss_is_read_only_where_it_is_shown(study: StudyFolder, clock: Clock) -> None:
    read = []

    class Loss:
        def __float__(self) -> float:
            read.append(clock.now)
            return 1.0

    run = RunFolder(study.path / "baseline" / "torch" / "seed-0")
    with StudyProgress(places(study), EPOCHS, 10_000, Console(file=io.StringIO())) as bars:
        for step in range(1, 1001):
            clock.now += 0.001
            bars.take(run, Step(step, Loss()))  # type: ignore[arg-type]
    assert len(read) <= 1.0 / progress.SECONDS
