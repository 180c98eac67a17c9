"""What is done to an image before a model sees it, in NumPy: resized once, augmented and normalised at each use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import Labels, Pixels, Split
from nlblocks.training.recipes import ImageData


@dataclass(frozen=True, slots=True)
class Prepared:
    """Images [N, H, W, C] of their final size, their labels, and what each value 0 to 255 becomes: [256, C]."""

    images: Pixels
    labels: Labels
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def normalised(self, images: Pixels) -> NDArray[np.float32]:
        """[..., H, W, C] of 0 to 255 → [..., C, H, W] as a model takes it."""
        channels = range(images.shape[-1])
        return np.stack([self.values[:, channel][images[..., channel]] for channel in channels], axis=-3)


def prepared(split: Split, spec: ImageData) -> Prepared:
    """A split at its final size."""
    channels = split.images.shape[3]
    for name in ("mean", "std"):
        if len(getattr(spec, name)) not in (1, channels):
            raise InputError(f"ImageData: {name}={getattr(spec, name)} must have 1 or {channels} values, one a channel")
    mean, std = (np.broadcast_to(np.array(value), channels) for value in (spec.mean, spec.std))
    values = (np.arange(256)[:, None] / 255 - mean) / std
    images = split.images if spec.size is None else np.stack([resized(image, spec.size) for image in split.images])
    return Prepared(images, split.labels, values.astype(np.float32))


def resized(image: Pixels, size: int) -> Pixels:
    """[H, W, C] → [size, size, C], bilinear between pixel centres (OpenCV's way), rounded to whole values."""
    found = image.astype(np.float64)
    for axis in (0, 1):
        extent = found.shape[axis]
        place = np.clip((np.arange(size) + 0.5) * (extent / size) - 0.5, 0, extent - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape(-1, *(1,) * (2 - axis))
        below, above = found.take(low, axis), found.take(np.minimum(low + 1, extent - 1), axis)
        found = below * (1 - share) + above * share
    return np.rint(found).astype(np.uint8)


def augmented(image: Pixels, spec: ImageData, stream: np.random.Generator) -> Pixels:
    """[H, W, C], padded by zeros and cropped to its own size at random, then flipped at random."""
    if spec.crop:
        height, width, _ = image.shape
        wide = np.pad(image, ((spec.crop, spec.crop), (spec.crop, spec.crop), (0, 0)))
        top, left = stream.integers(0, 2 * spec.crop + 1, 2)
        image = wide[top : top + height, left : left + width]
    if spec.flip and stream.random() < 0.5:
        image = image[:, ::-1]
    return image
