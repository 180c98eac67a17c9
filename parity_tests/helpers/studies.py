"""The folder of a study as runs leave it, with curves made up by a formula: no framework, and no training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.init import generator
from nlblocks.training.recipes import Recipe, recipe_named
from nlblocks.training.runs import Epoch, StudyFolder
from nlblocks.weights.files import in_memory, write_checkpoint
from nlblocks.weights.files.dtypes import of_array

STEPS = 4
"""An epoch."""


def study_folder(
    path: Path, *, backends: Sequence[str] = ("torch", "paddle"), seeds: int = 3, recipe: Recipe | None = None,
    stop: int | None = None,
) -> Path:  # fmt: skip
    """A study in which each variant is a little better than the one before; ``stop``: the epochs of the last run."""
    recipe = recipe or recipe_named("digits_ablation")
    study = StudyFolder.begin(path, recipe)
    places = [(v, b, s) for s in range(seeds) for v in range(len(recipe.variants)) for b in range(len(backends))]
    for variant, backend, seed in places:
        run = study.run(recipe.variants[variant].name, backends[backend], recipe.seed + seed)
        last = (variant, backend, seed) == places[-1]
        epochs = recipe.epochs if stop is None or not last else stop
        rows = [_epoch(epoch, variant, backend, seed) for epoch in range(epochs)]
        (run.path / "metrics.jsonl").write_text("".join(_lines(row) for row in rows))
        run.open_session(_session(backends[backend]))
    study.summarise()
    _pictures(path, recipe)
    return path


def _pictures(path: Path, recipe: Recipe) -> None:
    """Ten test pictures, and what the runs that are done make of them: each variant has one right more."""
    stream, count = generator(0, "pictures"), 10
    images = stream.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    write(
        path / "pictures.safetensors", {"images": images, "labels": np.arange(count)}, {"classes": list("0123456789")}
    )
    names = [variant.name for variant in recipe.variants]
    for run in StudyFolder(path).runs():
        if len(run.epochs()) == recipe.epochs:
            predicted = np.where(np.arange(count) < names.index(run.variant) + 4, np.arange(count), 0)
            arrays = {"predicted": predicted, "forward_ms": np.array(2.5), "batch_size": np.array(recipe.batch_size)}
            write(run.path / "answers.safetensors", arrays, {})


def write(path: Path, arrays: dict[str, Any], record: dict[str, Any]) -> None:
    write_checkpoint(path, {name: in_memory(a, of_array(a)) for name, a in arrays.items()}, record=record)


def _epoch(epoch: int, variant: int, backend: int, seed: int) -> Epoch:
    wrong = 0.4 * 0.5**epoch + 0.05 - 0.005 * variant + 0.02 * generator(seed, f"{epoch}:{variant}:{backend}").random()
    return Epoch(
        epoch=epoch, step=(epoch + 1) * STEPS, loss=2 * wrong, test_loss=3 * wrong, top1=1 - wrong, top5=1 - wrong / 4,
        seconds=1.0 + variant / 10 + backend / 100,
    )  # fmt: skip


def _lines(epoch: Epoch) -> str:
    steps = ({"step": epoch.step - back, "loss": epoch.loss, "lr": 1e-3} for back in range(STEPS)[::-1])
    return "".join(json.dumps(row) + "\n" for row in (*steps, asdict(epoch)))


def _session(backend: str) -> dict[str, object]:
    return {
        "step": 0, "backend": backend, "data": "8 + 4 images, 0", "platform": "Linux", "OMP_NUM_THREADS": "1",
        "versions": {"python": "3.11.7", "numpy": "2.4.6", backend: "3.0"}, "cores": 2, "device": "cpu",
        "compiled": False, "processes": 1,
    }  # fmt: skip
