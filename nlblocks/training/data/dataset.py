"""Dataset: labelled images, for training and for testing, in memory or in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
DIFFERENT = -1
"""The height and width of images that differ in size."""


class Images(Protocol):
    """Images of values 0 to 255: an array [N, H, W, C], or files that are read when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W, C; H and W are DIFFERENT where images differ in size."""

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, index: int, /) -> Pixels:
        """One image, [H, W, C]."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images, and the label of each [N], from 0."""

    images: Images
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
            if images.dtype != np.uint8 or len(images.shape) != 4 or images.shape[0] != len(labels):
                raise InputError(
                    f"{name} images of {images.dtype} {images.shape} must be uint8 [N, H, W, C], one a label"
                )
            if not len(labels):
                raise InputError(f"there are no {name} images")
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise InputError(
                    f"{name} labels are {labels.min()} to {labels.max()}; there are {len(self.classes)} classes"
                )
        if self.train.images.shape[3] != self.test.images.shape[3]:
            raise InputError(
                f"training images have {self.train.images.shape[3]} channels, test images {self.test.images.shape[3]}"
            )
