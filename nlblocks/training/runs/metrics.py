"""metrics.jsonl: a line a step and a line an epoch, in the order in which they came to be.

{"step": 1, "loss": 2.31, "lr": 0.001}
{"epoch": 0, "step": 44, "loss": 1.9, "test_loss": 1.4, "top1": 0.61, "top5": 0.95, "seconds": 0.8}

``step`` counts the steps of the run up to and with that one. Numbers read back to the bit; what is no number is NaN or
Infinity, as Python's json writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError
from nlblocks.training.runs.run import Epoch


@dataclass(frozen=True, slots=True)
class Metrics:
    """The curve of a run: step numbers [S] from 1, the loss and the learning rate of each [S], and its epochs."""

    steps: NDArray[np.int64]
    losses: NDArray[np.float64]
    rates: NDArray[np.float64]
    epochs: tuple[Epoch, ...]

    @property
    def step(self) -> int:
        """How many steps there are."""
        return len(self.steps)


def best(epochs: Iterable[Epoch]) -> Epoch | None:
    """The epoch with the most test images right, the first of several."""
    return max(epochs, key=lambda epoch: epoch.top1, default=None)


def step_row(step: int, loss: float, lr: float) -> dict[str, Any]:
    """The line of a step."""
    return {"step": step, "loss": loss, "lr": lr}


def append(path: Path, rows: Iterable[dict[str, Any] | Epoch]) -> None:
    """Add lines, and hand them to the system: a process that is killed afterwards loses none."""
    text = "".join(json.dumps(row if isinstance(row, dict) else asdict(row)) + "\n" for row in rows)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def read_epochs(path: Path) -> tuple[Epoch, ...]:
    """The epochs in a file alone, for a hundredth of the time that all of it takes."""
    return tuple(Epoch(**row) for row, _ in _rows(path, only=b'{"epoch"'))


def read(path: Path) -> Metrics:
    """The metrics in a file; of a file that is not there, none. A last line that is not whole is left out."""
    steps, epochs = [], []
    for row, _ in _rows(path):
        if "epoch" in row:
            epochs.append(Epoch(**row))
        else:
            steps.append((row["step"], row["loss"], row["lr"]))
    table = np.array(steps, np.float64).reshape(-1, 3)
    if not np.array_equal(table[:, 0], np.arange(1, len(table) + 1)):
        raise InputError(f"{path}: its steps do not count from 1 without a gap; the file is damaged")
    return Metrics(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], tuple(epochs))


def cut(path: Path, step: int) -> Metrics:
    """Cut the file back to what belongs to a run's first ``step`` steps; what is left."""
    size = 0
    for row, end in _rows(path):
        if row["step"] > step:
            break
        size = end
    if path.exists():
        os.truncate(path, size)
    found = read(path)
    if found.step != step:
        raise InputError(f"{path}: ends at step {found.step}, before the checkpoint of step {step}; it is damaged")
    return found


def _rows(path: Path, only: bytes = b"{") -> Iterator[tuple[dict[str, Any], int]]:
    """Each line that is whole and begins so, and where it ends, in bytes."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    end = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            return
        end += len(line)
        if not line.startswith(only) and line.startswith(b"{"):
            continue
        try:
            row = json.loads(line)
            known = {"step", "loss", "lr"} if "epoch" not in row else set(Epoch.__dataclass_fields__)
            if set(row) != known or type(row["step"]) is not int:
                raise ValueError
        except (ValueError, TypeError):
            raise InputError(f"{path}: line {number} is not one of a run's metrics; the file is damaged") from None
        yield row, end
