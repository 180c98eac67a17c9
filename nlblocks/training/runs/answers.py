"""What a trained model makes of the test images, and the first of them to look at: files that need no framework.

``answers.safetensors`` of a run holds the label that its model gives each test image, and how long a batch takes it.
``pictures.safetensors`` of a study holds the true labels, and the first images.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.training.data import Batches
from nlblocks.training.running import Trainer
from nlblocks.weights.files import in_memory, open_checkpoint, write_checkpoint
from nlblocks.weights.files.dtypes import of_array

KEPT = 200
"""Images of a study that are kept, and at most so many bytes of them."""
BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Answers:
    """The label that a model gives each test image [N], and the median milliseconds of a batch of ``batch_size``.

    The time is that of the model's evaluation as it was trained: forward, without gradients, answers on the host.
    """

    predicted: NDArray[np.int64]
    forward_ms: float
    batch_size: int

    @classmethod
    def of(cls, trainer: Trainer, batches: Batches) -> Answers:
        """Ask a model."""
        found: list[NDArray[np.int64]] = []
        times: list[float] = []
        for batch in batches.testing():
            start = time.perf_counter()
            logits = trainer.logits(batch.images)
            if len(batch.labels) == batches.recipe.batch_size or not times:  # the last batch may be smaller
                times.append(time.perf_counter() - start)
            found.append(logits.argmax(1).astype(np.int64))
        size = min(batches.recipe.batch_size, len(batches.test))
        return cls(np.concatenate(found), 1000 * float(np.median(times)), size)

    def write(self, path: Path) -> None:
        _write(path, {"predicted": self.predicted, "forward_ms": np.array(self.forward_ms),
                      "batch_size": np.array(self.batch_size)}, {})  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> Answers | None:
        """The answers in a file; None where there is none."""
        if not path.exists():
            return None
        found = open_checkpoint(path).state()
        if set(found) != {"predicted", "forward_ms", "batch_size"}:
            raise InputError(f"{path}: does not hold a run's answers; the file is damaged")
        return cls(found["predicted"], float(found["forward_ms"]), int(found["batch_size"]))


@dataclass(frozen=True, slots=True)
class Pictures:
    """The first test images [K, H, W, C], uint8, at the size that models see; all their labels [N]; the classes."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, batches: Batches) -> Pictures:
        test = batches.test
        count = min(KEPT, max(1, BYTES // test.images[:1].nbytes))
        return cls(test.images[:count], test.labels, batches.classes)

    def write(self, path: Path) -> None:
        _write(path, {"images": self.images, "labels": self.labels}, {"classes": list(self.classes)})

    @classmethod
    def read(cls, path: Path) -> Pictures | None:
        """The pictures in a file; None where there is none."""
        if not path.exists():
            return None
        found = open_checkpoint(path)
        state = found.state()
        if set(state) != {"images", "labels"} or "classes" not in found.record:
            raise InputError(f"{path}: does not hold a study's pictures; the file is damaged")
        return cls(state["images"], state["labels"], tuple(found.record["classes"]))


def _write(path: Path, arrays: dict[str, Array], record: dict[str, list[str]]) -> None:
    write_checkpoint(path, {name: in_memory(a, of_array(a)) for name, a in arrays.items()}, record=record)
