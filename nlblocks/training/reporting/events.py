"""Curves for TensorBoard and VisualDL, as a study is trained: event files in the folder of each run."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.training.runs import Epoch, RunFolder

SECONDS = 5.0
"""How long steps may stay unwritten: to read a loss may mean to wait for a device."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A program that shows curves: the package that writes its files, its class for that, and what it calls them."""

    option: str
    package: str
    writer: str
    files: str
    install: str

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None

    def open(self, folder: Path) -> Any:
        """A writer of a fresh file, in place of the files that are there."""
        for path in folder.glob(self.files):
            with suppress(FileNotFoundError):
                path.unlink()
        return getattr(importlib.import_module(self.package), self.writer)(logdir=str(folder))


TENSORBOARD = Viewer("--tensorboard", "tensorboardX", "SummaryWriter", "events.out.tfevents.*", '"nlblocks[train]"')
VISUALDL = Viewer("--visualdl", "visualdl", "LogWriter", "vdlrecords.*", "visualdl")


def viewers(tensorboard: bool | None, visualdl: bool | None) -> list[Viewer]:
    """The viewers to write for; None is: where it is installed. Raises InputError for a missing one that is wanted."""
    found = []
    for viewer, wanted in ((TENSORBOARD, tensorboard), (VISUALDL, visualdl)):
        if wanted and not viewer.installed:
            raise InputError(
                f"{viewer.option}: {viewer.package} is not installed; install it with: pip install {viewer.install}"
            )
        if wanted is not False and viewer.installed:
            found.append(viewer)
    return found


class EventFiles:
    """Writes the steps and epochs of runs as they come, of one run after another, for some viewers.

    A run that goes on is written anew from its beginning, so that no viewer has to put two files together.
    """

    def __init__(self, viewers: list[Viewer]) -> None:
        self.viewers = viewers
        self._writers: list[Any] = []
        self._run: Path | None = None
        self._pending: list[Any] = []
        self._written = 0.0

    def take(self, run: RunFolder, event: Any) -> None:
        """A step or an epoch of a run."""
        if run.path != self._run:
            self.close()
            self._run = run.path
            self._writers = [viewer.open(run.path) for viewer in self.viewers]
            self._pending = list(_before(run, event))
        self._pending.append(event)
        if isinstance(event, Epoch) or time.monotonic() - self._written > SECONDS:
            self._flush()

    def close(self) -> None:
        """Write what is left, and end the files."""
        self._flush()
        for writer in self._writers:
            writer.close()
        self._writers, self._run, self._written = [], None, 0.0

    def _flush(self) -> None:
        for event in self._pending:
            for tag, value in _scalars(event):
                for writer in self._writers:
                    writer.add_scalar(tag, value, event.step)
        for writer in self._writers:
            writer.flush()
        self._pending, self._written = [], time.monotonic()


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of an earlier process."""

    step: int
    loss: float
    lr: float


def _before(run: RunFolder, first: Any) -> Iterator[Any]:
    """What a run came to before an event, as earlier processes wrote it."""
    found = run.metrics()
    rows = zip(found.steps.tolist(), found.losses.tolist(), found.rates.tolist(), strict=True)
    yield from (_Step(*row) for row in rows if row[0] < first.step)
    yield from (epoch for epoch in found.epochs if epoch.step < first.step)


def _scalars(event: Any) -> Iterator[tuple[str, float]]:
    """The values of a step or an epoch by tag."""
    if isinstance(event, Epoch):
        yield from {"test/top1": event.top1, "test/top5": event.top5, "test/loss": event.test_loss}.items()
    else:
        yield from {"train/loss": float(event.loss), "train/lr": event.lr}.items()
