"""RunFolder: one run, in a folder that needs no framework to be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlblocks.backend import State, row_of
from nlblocks.errors import InputError
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import TrainingState
from nlblocks.training.runs import checkpoints, metrics
from nlblocks.training.runs.answers import Answers
from nlblocks.training.runs.files import differences, make_folder, read_json
from nlblocks.training.runs.metrics import Metrics
from nlblocks.training.runs.run import Epoch
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.files.atomic import write_json

RECIPE, ENVIRONMENT, METRICS, CHECKPOINTS = "recipe.json", "environment.json", "metrics.jsonl", "checkpoints"
ANSWERS = "answers.safetensors"
CURVE = ("versions", "OMP_NUM_THREADS", "cores", "device", "processes", "compiled")
"""What of a session may move the last bits of a curve."""


class RunFolder:
    """A run: ``recipe`` (of one variant and seed), ``backend`` (who trains it now), metrics and checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / RECIPE).is_file():
            raise InputError(f"{path}: is not the folder of a run; it has no {RECIPE}")
        self.recipe = Recipe.from_dict(read_json(path / RECIPE))
        environment = read_json(path / ENVIRONMENT)
        if set(environment) != {"backend", "sessions"}:
            raise InputError(f"{path / ENVIRONMENT}: must hold a backend and sessions; it is damaged")
        self.backend: str = environment["backend"]
        row_of(self.backend)
        self.sessions: list[dict[str, Any]] = environment["sessions"]

    @classmethod
    def begin(cls, path: Path, recipe: Recipe, backend: str) -> RunFolder:
        """The folder of a run: made, or found as an earlier process left it. Refuses one of another recipe."""
        if not (path / RECIPE).exists():
            strangers = [] if not path.exists() else sorted(p.name for p in path.iterdir() if not _left_over(p.name))
            if strangers:
                raise InputError(f"{path}: holds {strangers[0]} and is not the folder of a run; name another --output")
            make_folder(path)
            write_json(path / ENVIRONMENT, {"backend": backend, "sessions": []})
            write_json(path / RECIPE, recipe.to_dict())  # last: with it this is the folder of a run
        found = cls(path)
        if found.recipe != recipe:
            different = ", ".join(differences(found.recipe, recipe))
            raise InputError(f"{path}: holds a run of another recipe: {different}; name another --output")
        if found.backend != backend:
            raise InputError(f"{path}: holds a run in {found.backend}, not {backend}; name another --output")
        return found

    @property
    def variant(self) -> str:
        return self.recipe.variants[0].name

    @property
    def done(self) -> bool:
        """Whether the recipe has been trained to its end."""
        epochs = self.epochs()
        return bool(epochs) and epochs[-1].epoch + 1 == self.recipe.epochs and epochs[-1].step in self.steps()

    def metrics(self) -> Metrics:
        """The curve so far. While the run goes on it may be ahead of the last checkpoint."""
        return metrics.read(self.path / METRICS)

    def epochs(self) -> tuple[Epoch, ...]:
        """What each epoch so far came to, read without the steps."""
        return metrics.read_epochs(self.path / METRICS)

    def answers(self) -> Answers | None:
        """What the trained model makes of the test images; None before the recipe's end."""
        return Answers.read(self.path / ANSWERS)

    def steps(self) -> list[int]:
        """The steps after which there are checkpoints, in order."""
        return checkpoints.steps(self.path / CHECKPOINTS)

    def weights_file(self, epoch: int | None = None) -> Path:
        """The file of the weights at the end of an epoch, counted from 0; None: the last there are.

        ``nlblocks.load(path, backend=...)`` builds the model from it. Raises InputError for an epoch that none is kept
        of.
        """
        kept = self.steps()
        ends = {found.epoch: found.step for found in self.epochs() if found.step in kept}
        if epoch is None and kept:
            return checkpoints.weights_file(self.path / CHECKPOINTS, kept[-1])
        if epoch not in ends:
            there = ", ".join(map(str, ends)) or "none"
            asked = "no checkpoint is there yet" if epoch is None else f"no checkpoint of epoch {epoch} is kept"
            raise InputError(f"{self.path}: {asked}; there are those of epochs: {there}")
        return checkpoints.weights_file(self.path / CHECKPOINTS, ends[epoch])

    def weights(self, epoch: int | None = None) -> State:
        """The weights at the end of an epoch, under canonical names; None: the last there are."""
        return open_checkpoint(self.weights_file(epoch)).state()

    def state(self) -> tuple[TrainingState, float] | None:
        """What the run goes on from: its last checkpoint, and the seconds of that epoch so far; None: its beginning."""
        kept = self.steps()
        return checkpoints.read(self.path / CHECKPOINTS, kept[-1], self.recipe.variants[0].model) if kept else None

    def keep(self, state: TrainingState, seconds: float, keep_every: int | None = None) -> None:
        """Write a checkpoint, and remove all others but the best epoch's and, if asked for, that of every k-th."""
        folder = self.path / CHECKPOINTS
        checkpoints.write(folder, state, self.recipe.variants[0].model, seconds)
        there = set(checkpoints.steps(folder))
        ends = [found for found in self.epochs() if found.step in there]
        kept = {found.step for found in ends if keep_every and (found.epoch + 1) % keep_every == 0}
        best = metrics.best(ends)
        checkpoints.prune(folder, kept | {state.step} | ({best.step} if best else set()))

    def open_session(self, session: Mapping[str, Any]) -> None:
        """Write down where a process goes on, and in what environment, where that is another than the last one's."""
        if not self.sessions or _changed(self.sessions[-1], session):
            self.sessions.append(dict(session))
            self._write_environment()

    @property
    def changes(self) -> list[str]:
        """What of the environment changed within the run: "versions, device from step 44 on". It may move last bits."""
        pairs = zip(self.sessions, self.sessions[1:], strict=False)
        return [f"{', '.join(_changed(one, other))} from step {other['step']} on" for one, other in pairs]

    def take_over(self, source: RunFolder) -> None:
        """Begin where a run of another folder, perhaps in another framework, stands: its curve and last checkpoint."""
        found = source.state()
        if found is None:
            raise InputError(f"{source.path}: has no checkpoint yet to continue from")
        state, seconds = found
        curve = source.metrics()
        rows: list[Any] = []
        ends = {epoch.step: epoch for epoch in curve.epochs}
        for step, loss, lr in zip(curve.steps.tolist(), curve.losses.tolist(), curve.rates.tolist(), strict=True):
            if step <= state.step:
                rows += [metrics.step_row(step, loss, lr), *([ends[step]] if step in ends else [])]
        (self.path / METRICS).unlink(missing_ok=True)
        metrics.append(self.path / METRICS, rows)
        self.sessions = [*source.sessions]
        self._write_environment()
        self.keep(state, seconds)

    def _write_environment(self) -> None:
        write_json(self.path / ENVIRONMENT, {"backend": self.backend, "sessions": self.sessions})


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [name for name in CURVE if one.get(name) != other.get(name)]


def _left_over(name: str) -> bool:
    """Whether a process that was killed while it made the folder may have left this."""
    return name == ENVIRONMENT or name.startswith(".")
