"""Event files hold the curve of their run, whole, whatever process wrote which part of it."""

from __future__ import annotations

import importlib
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nlblocks.errors import InputError
from nlblocks.training.reporting import events
from nlblocks.training.reporting.events import TENSORBOARD, VISUALDL, EventFiles, Viewer, viewers
from nlblocks.training.runs import RunFolder, StudyFolder
from parity_tests.helpers.studies import STEPS, study_folder

Scalars = set[tuple[str, int, float]]


@dataclass(frozen=True)
class Step:
    step: int
    loss: float
    lr: float = 1e-3


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return StudyFolder(study_folder(tmp_path, backends=("torch",), seeds=1)).runs()[0]


@pytest.fixture
def visualdl(monkeypatch: pytest.MonkeyPatch) -> Scalars:
    """What VisualDL is told by its own calls, which a stand-in keeps: its package is no dependency."""
    kept: Scalars = set()

    class LogWriter:
        def __init__(self, logdir: str) -> None:
            assert Path(logdir).is_dir()

        def add_scalar(self, tag: str, value: float, step: int, walltime: int | None = None) -> None:
            kept.add((tag, step, struct.unpack("f", struct.pack("f", value))[0]))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    module = ModuleType("visualdl")
    module.LogWriter = LogWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "visualdl", module)
    return kept


def came(run: RunFolder, start: int = 0) -> list[Any]:
    """The events of a run after some steps, as training tells them."""
    curve = run.metrics()
    ends = {epoch.step: epoch for epoch in curve.epochs}
    found: list[Any] = []
    for step, loss in zip(curve.steps.tolist()[start:], curve.losses.tolist()[start:], strict=True):
        found += [Step(step, loss), *([ends[step]] if step in ends else [])]
    return found


def expected(run: RunFolder) -> Scalars:
    curve = run.metrics()
    found = {("train/loss", step, loss) for step, loss in zip(curve.steps.tolist(), curve.losses.tolist(), strict=True)}
    found |= {("train/lr", step, 1e-3) for step in curve.steps.tolist()}
    for tag, name in (("top1", "top1"), ("top5", "top5"), ("loss", "test_loss")):
        found |= {(f"test/{tag}", epoch.step, getattr(epoch, name)) for epoch in curve.epochs}
    return {(tag, step, struct.unpack("f", struct.pack("f", value))[0]) for tag, step, value in found}


def tensorboard(folder: Path) -> Scalars:
    """The scalars in the one TensorBoard file of a folder: records of a length, a sum, an event, and a sum."""
    proto = importlib.import_module("tensorboardX.proto.event_pb2")
    (path,) = folder.glob(TENSORBOARD.files)
    data, found = path.read_bytes(), set()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event, data = proto.Event.FromString(data[12 : 12 + length]), data[16 + length :]
        found |= {(value.tag, event.step, value.simple_value) for value in event.summary.value}
    return found


def write(run: RunFolder, events: list[Any], viewer: Viewer = TENSORBOARD) -> None:
    files = EventFiles([viewer])
    for event in events:
        files.take(run, event)
    files.close()


def test_tensorboard_gets_every_step_and_epoch(run: RunFolder) -> None:
    write(run, came(run))
    assert tensorboard(run.path) == expected(run)


@pytest.mark.parametrize("start", [1, STEPS, 2 * STEPS + 1])
def test_a_run_that_goes_on_has_its_whole_curve_in_one_file(run: RunFolder, start: int) -> None:
    ahead = [Step(step, 77.0) for step in range(1, start + 3)]  # a process that was killed wrote more than it kept
    write(run, ahead)
    (path,) = run.path.glob(TENSORBOARD.files)
    path.rename(f"{path}.earlier")  # names tell seconds apart
    write(run, came(run, start))
    assert tensorboard(run.path) == expected(run)


def test_a_loss_waits_some_seconds_to_be_read(
    run: RunFolder, visualdl: Scalars, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(events.time, "monotonic", lambda: now)
    files, (first, second, third, *_) = EventFiles([VISUALDL]), came(run)
    files.take(run, first)  # at once: a sign of life
    files.take(run, second)
    assert {step for _, step, _ in visualdl} == {1}
    now += events.SECONDS + 1
    files.take(run, third)
    assert {step for _, step, _ in visualdl} == {1, 2, 3}


def test_each_run_has_its_own_file(tmp_path: Path) -> None:
    runs = StudyFolder(study_folder(tmp_path, backends=("torch",), seeds=2)).runs()[:2]
    files = EventFiles([TENSORBOARD])
    for one in runs:
        for event in came(one):
            files.take(one, event)
    files.close()
    assert [tensorboard(one.path) for one in runs] == [expected(one) for one in runs]


def test_visualdl_gets_the_same(run: RunFolder, visualdl: Scalars) -> None:
    write(run, came(run), VISUALDL)
    assert visualdl == expected(run)


def test_viewers_are_those_that_are_installed_unless_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"tensorboardX"}
    monkeypatch.setattr(events, "find_spec", lambda name: name if name in there else None)
    assert viewers(None, None) == [TENSORBOARD]
    assert viewers(False, None) == []
    with pytest.raises(InputError, match="--visualdl: visualdl is not installed; install it with: pip install v"):
        viewers(None, True)
    there.clear()
    assert viewers(None, None) == []
    with pytest.raises(InputError, match=r"--tensorboard: tensorboardX is not installed"):
        viewers(True, None)
