"""What is done to an image before a model sees it, in NumPy: resized, augmented and normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import DIFFERENT, Images, Labels, Pixels, Split
from nlblocks.training.recipes import ImageData

AT_ONCE = 64 << 20
"""Bytes of images that are resized once and kept; where there are more, each is resized whenever it is asked for."""
PIECE = 256
"""Images that are resized together: the work takes four times their memory, and more."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Images [N, H, W, C] of their final size, their labels, and what each value 0 to 255 becomes: [256, C]."""

    images: Pixels | Resized
    labels: Labels
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def normalised(self, images: Pixels) -> NDArray[np.float32]:
        """[..., H, W, C] of 0 to 255 → [..., C, H, W] as a model takes it."""
        channels = range(images.shape[-1])
        return np.stack([self.values[:, channel][images[..., channel]] for channel in channels], axis=-3)


class Resized:
    """Images that are read and resized when they are asked for, [B, H, W, C] at a time."""

    def __init__(self, source: Images, size: int | None) -> None:
        self.source, self.size = source, size

    def __getitem__(self, chosen: Any) -> Pixels:
        """Some images, by an array of their numbers or a slice."""
        if isinstance(self.source, np.ndarray):
            return resized(self.source[chosen], self.size)
        numbers = np.arange(self.source.shape[0])[chosen]
        return np.stack([resized(self.source[int(number)], self.size) for number in numbers])


def prepared(split: Split, spec: ImageData) -> Prepared:
    """A split at its final size."""
    count, height, width, channels = split.images.shape
    if DIFFERENT in (height, width) and spec.size is None:
        raise InputError("the images differ in size; set data.size, their height and width, such as 96")
    for name in ("mean", "std"):
        if len(getattr(spec, name)) not in (1, channels):
            raise InputError(f"ImageData: {name}={getattr(spec, name)} must have 1 or {channels} values, one a channel")
    mean, std = (np.broadcast_to(np.array(value), channels) for value in (spec.mean, spec.std))
    values = (np.arange(256)[:, None] / 255 - mean) / std
    images = Resized(split.images, spec.size)
    kept: Pixels | Resized = images
    if isinstance(split.images, np.ndarray) and (spec.size is None or height == width == spec.size):
        kept = cast(Pixels, split.images)
    elif count * channels * (height * width if spec.size is None else spec.size**2) <= AT_ONCE:
        kept = np.concatenate([images[start : start + PIECE] for start in range(0, count, PIECE)])
    return Prepared(kept, split.labels, values.astype(np.float32))


def resized(images: Pixels, size: int | None) -> Pixels:
    """[..., H, W, C] → [..., size, size, C], bilinear between pixel centres (OpenCV's way), rounded to whole values.

    It is exact, a half going to the even value, so that every machine makes the same pixels: shares are whole numbers
    of 1 / (2 · size), and the floating numbers hold whole ones that they have room for.
    """
    if size is None or images.shape[-3:-1] == (size, size):
        return images
    whole = 2 * size
    found: NDArray[Any] = images.astype(np.float32 if 255 * whole**2 < 2**24 else np.float64)
    for axis in (-3, -2):
        extent = found.shape[axis]
        place = np.clip((2 * np.arange(size) + 1) * extent - size, 0, whole * (extent - 1))  # in 1 / whole of a pixel
        low, share = np.divmod(place, whole)
        high = np.minimum(low + 1, extent - 1)
        share = share.astype(found.dtype).reshape(-1, *(1,) * (-1 - axis))
        found = found.take(low, axis) * (whole - share) + found.take(high, axis) * share
    return np.rint(found / whole**2).astype(np.uint8)


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
