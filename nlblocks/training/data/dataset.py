"""Dataset: labelled images in memory, for training and for testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Images [N, H, W, C] of values 0 to 255, and the label of each [N], from 0."""

    images: Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The two splits of a source, and the names of its classes, by label."""

    train: Split
    test: Split
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for name, split in (("training", self.train), ("test", self.test)):
            images, labels = split.images, split.labels
            if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(labels):
                raise InputError(
                    f"{name} images of {images.dtype} {images.shape} must be uint8 [N, H, W, C], one a label"
                )
            if not len(labels):
                raise InputError(f"there are no {name} images")
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise InputError(
                    f"{name} labels are {labels.min()} to {labels.max()}; there are {len(self.classes)} classes"
                )
