"""Checkpoints: two safetensors files a checkpoint, which need no framework to be read.

``step-00000044.safetensors`` holds the weights under canonical names and the model's spec: ``nlblocks.load`` builds
the model from it. ``step-00000044.optimiser.safetensors`` holds what the optimiser keeps of each parameter (``slots``),
what only the framework that wrote it needs (``native``) and the step. The weights appear last: with them a checkpoint
is whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.training.running import TrainingState
from nlblocks.training.runs.files import make_folder
from nlblocks.weights.files import Tensor, in_memory, open_checkpoint, write_checkpoint
from nlblocks.weights.files.dtypes import of_array
from nlblocks.weights.saving import save
from nlblocks.weights.state import checked_state

PREFIX, SUFFIX, BESIDE = "step-", ".safetensors", ".optimiser.safetensors"


def write(folder: Path, state: TrainingState, spec: BlockSpec, seconds: float) -> None:
    """Write a checkpoint; ``seconds`` are those of its epoch so far."""
    bad = [name for name, array in state.weights.items() if not np.isfinite(array).all()]
    if bad:
        raise InputError(
            f"{folder.parent}: after step {state.step} {len(bad)} of the weights, such as {bad[0]}, are no longer "
            "finite; the last checkpoint is from before. Train with a lower optimiser.lr, or with optimiser.clip"
        )
    arrays = {f"slots.{slot}.{name}": array for slot, kept in state.slots.items() for name, array in kept.items()}
    arrays |= {f"native.{name}": array for name, array in state.native.items()}
    arrays["step"] = np.array(state.step)
    tensors: dict[str, Tensor] = {name: in_memory(array, of_array(array)) for name, array in arrays.items()}
    record = {"framework": state.framework, "seconds": seconds}
    make_folder(folder)
    write_checkpoint(_beside(folder, state.step), tensors, record=record)
    save(state.weights, weights_file(folder, state.step), spec)


def read(folder: Path, step: int, spec: BlockSpec) -> tuple[TrainingState, float]:
    """The checkpoint of a step, and the seconds of its epoch so far."""
    weights = checked_state(spec, open_checkpoint(weights_file(folder, step)).state())
    beside = open_checkpoint(_beside(folder, step))
    slots: dict[str, dict[str, np.ndarray]] = {}
    native, own = {}, -1
    for name, array in beside.state().items():
        kind, _, rest = name.partition(".")
        if kind == "slots":
            slot, _, parameter = rest.partition(".")
            slots.setdefault(slot, {})[parameter] = array
        elif kind == "native":
            native[rest] = array
        else:
            own = int(array)
    if own != step or set(beside.record) != {"framework", "seconds"}:
        raise InputError(f"{beside.path}: is not the optimiser of a run after step {step}; the checkpoint is damaged")
    state = TrainingState(
        framework=str(beside.record["framework"]), step=step, weights=weights, slots=slots, native=native
    )
    return state, float(beside.record["seconds"])


def weights_file(folder: Path, step: int) -> Path:
    """The file of the weights after a step, for ``nlblocks.load``."""
    return folder / f"{PREFIX}{step:08}{SUFFIX}"


def steps(folder: Path) -> list[int]:
    """The steps that there are checkpoints of, in order."""
    names = [path.name for path in folder.glob(f"{PREFIX}*{SUFFIX}") if not path.name.endswith(BESIDE)]
    numbers = (name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in names)
    return sorted(int(number) for number in numbers if number.isdecimal())


def prune(folder: Path, kept: Collection[int]) -> None:
    """Remove every other checkpoint, and what a process that was killed left half-written."""
    for step in set(steps(folder)).difference(kept):
        weights_file(folder, step).unlink()
    files = {path for step in kept for path in (weights_file(folder, step), _beside(folder, step))}
    for path in {*folder.glob(f"{PREFIX}*{BESIDE}"), *folder.glob(".*.partial")} - files:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _beside(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX}{step:08}{BESIDE}"
