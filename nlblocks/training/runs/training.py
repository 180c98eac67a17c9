"""One run, trained into its folder, from where an earlier process left it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Iterator
from typing import Any

from nlblocks.backend import row_of
from nlblocks.errors import InputError
from nlblocks.training.data import Batches
from nlblocks.training.running import Options, Trainer, trainer_of
from nlblocks.training.runs import metrics
from nlblocks.training.runs.answers import Answers
from nlblocks.training.runs.files import locked
from nlblocks.training.runs.folder import ANSWERS, METRICS, RunFolder
from nlblocks.training.runs.run import Epoch, Step, run

FLUSH_SECONDS = 1.0
"""How long steps may stay unwritten: to read a loss may mean to wait for a device."""

SEEN = 64
"""Images of each split that are looked at to tell whether they are the same: all may be more than memory holds."""


def train(
    folder: RunFolder, batches: Batches, options: Options, checkpoint_every: int | None, keep_every: int | None
) -> Iterator[Step | Epoch]:
    """Train a run to the end of its recipe: each step and epoch, once it is written down or soon will be.

    A checkpoint is written at the end of each epoch, and every ``checkpoint_every`` steps. The last, the best epoch's
    and that of every ``keep_every``-th epoch stay.
    """
    recipe = folder.recipe
    with locked(folder.path):
        check_data(folder, batches)
        trainer = trainer_of(folder.backend, recipe, recipe.variants[0].model, options)
        found = folder.state()
        seconds = 0.0
        if found is not None:
            state, seconds = found
            trainer.load(state)
        step = trainer.state().step
        so_far = metrics.cut(folder.path / METRICS, step)
        begun = so_far.epochs[-1].step if so_far.epochs else 0
        folder.open_session(session(trainer, batches, options, step))
        recorder = Recorder(folder, trainer, batches, checkpoint_every, keep_every)
        for event in run(trainer, recipe, batches, losses=so_far.losses[begun:].tolist(), seconds=seconds):
            recorder.take(event)
            yield event


def follow(folder: RunFolder, batches: Batches, options: Options) -> None:
    """Train a run along with the process that writes it, from the checkpoint that both find."""
    trainer = trainer_of(folder.backend, folder.recipe, folder.recipe.variants[0].model, options)
    found = folder.state()
    if found is not None:
        trainer.load(found[0])
    for _ in run(trainer, folder.recipe, batches):
        pass


class Recorder:
    """Writes the steps and epochs of a run as they come, and its checkpoints.

    A checkpoint comes after the lines of all that it has seen, that of a whole epoch included: none is ever missing.
    """

    def __init__(
        self, folder: RunFolder, trainer: Trainer, batches: Batches, checkpoint_every: int | None,
        keep_every: int | None,
    ) -> None:  # fmt: skip
        self.folder, self.trainer, self.batches = folder, trainer, batches
        self.every, self.keep_every = checkpoint_every, keep_every
        self.pending: list[Step] = []
        self.flushed = time.monotonic()

    def take(self, event: Step | Epoch) -> None:
        if isinstance(event, Epoch):
            self.flush()
            metrics.append(self.folder.path / METRICS, [event])
            if event.epoch + 1 == self.folder.recipe.epochs:  # before the last checkpoint, with which a run is done
                Answers.of(self.trainer, self.batches).write(self.folder.path / ANSWERS)
            self.keep(0.0)
            return
        self.pending.append(event)
        if self.every is not None and event.step % self.every == 0 and event.step % self.batches.steps_per_epoch:
            self.flush()
            self.keep(event.seconds)
        elif time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        rows = [metrics.step_row(step.step, float(step.loss), step.lr) for step in self.pending]
        metrics.append(self.folder.path / METRICS, rows)
        self.pending, self.flushed = [], time.monotonic()

    def keep(self, seconds: float) -> None:
        self.folder.keep(self.trainer.state(), seconds, self.keep_every)


def check_data(folder: RunFolder, batches: Batches) -> None:
    """Refuse to go on with other images than a run has been trained on."""
    own, there = digest(batches), folder.sessions[-1]["data"] if folder.sessions else None
    if there not in (None, own):
        raise InputError(f"{folder.path}: was trained on other images ({there}; here {own}); give the same --data")


def session(trainer: Trainer, batches: Batches, options: Options, step: int) -> dict[str, Any]:
    """In what environment a process goes on after ``step`` steps."""
    row = row_of(trainer.framework)
    names = ["nlblocks", "numpy", *([row.distribution] if row.distribution else [])]
    return {
        "step": step, "backend": trainer.framework, "data": digest(batches),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in names},
        "platform": platform.platform(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "cores": os.cpu_count(), "device": trainer.device, "compiled": options.compiled, "processes": batches.world,
    }  # fmt: skip


def digest(batches: Batches) -> str:
    """What the images are, in a line that changes with any label and with the first images."""
    found = hashlib.blake2b(digest_size=16)
    for split in (batches.train, batches.test):
        found.update(split.labels.tobytes())
        found.update(split.images[:SEEN].tobytes())
    return f"{len(batches.train)} + {len(batches.test)} images, {found.hexdigest()}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
