"""Images as a model gets them, and as people see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import Array, as_array
from nlblocks.errors import InputError, file_path

ARRAYS = (".npy", ".npz")
DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of a grey image with 16 bits a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image: ``values`` [C, H, W] float64 are what the model gets, ``shown`` [H, W, 3] uint8 what people see.

    ``name`` names its files; no two pictures that are read together share one.
    """

    name: str
    values: Array
    shown: Array

    @property
    def size(self) -> tuple[int, int]:
        """(H, W), in pixels."""
        return self.shown.shape[0], self.shown.shape[1]


def read_images(
    paths: Iterable[str | Path],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
) -> list[Picture]:
    """The images in files, one picture each.

    PNG, JPEG and what else Pillow reads is resized to ``size`` (H, W) by bilinear interpolation, made grey or RGB by
    ``channels`` (1 or 3; None: as the file is), scaled to [0, 1], and normalised: (x - mean) / std, one number or one
    per channel. An array in a .npy or .npz file, [H, W], [C, H, W] or [B, C, H, W], is what the model gets, as it is;
    each of B, and each array of an .npz, is a picture.

    Raises InputError, in one line, for what is no image and for settings that an image cannot have.
    """
    check_installed()
    files = [file_path(path) for path in paths]
    if not files:
        raise InputError("no image; give at least one")
    if channels not in (None, 1, 3):
        raise InputError(f"channels={channels!r} must be 1 (grey) or 3 (RGB); give another number as an array")
    if size is not None and min(size) < 1:
        raise InputError(f"size={size!r} must be H, W of at least 1")
    arrays = [file for file in files if file.suffix in ARRAYS]
    if arrays and (size is not None or channels is not None or tuple(mean) != (0.0,) or tuple(std) != (1.0,)):
        raise InputError(f"{arrays[0]}: an array is what the model gets, and is not resized, recoloured or normalised")
    found: list[Picture] = []
    taken: set[str] = set()
    for file in files:
        for name, values, shown in _arrays(file) if file.suffix in ARRAYS else [_image(file, size, channels)]:
            scaled = values if file.suffix in ARRAYS else _normalised(values, mean, std, file)
            found.append(Picture(name=free_name(name, taken), values=scaled, shown=shown))
    return found


def check_installed() -> None:
    """Raise InputError where what reads images and draws is not installed."""
    for name, distribution in (("matplotlib", "matplotlib"), ("PIL", "pillow")):
        if find_spec(name) is None:
            raise InputError(f'maps need {distribution}; install it with: pip install "nlblocks[pictures]"')


def free_name(text: str, taken: set[str]) -> str:
    """``text`` as a part of a file's name that is not taken yet; from now on it is."""
    plain = re.sub(r"[^\w.-]", "_", text)
    name, count = plain, 1
    while name in taken:
        count += 1
        name = f"{plain}_{count}"
    taken.add(name)
    return name


def _image(path: Path, size: tuple[int, int] | None, channels: int | None) -> tuple[str, Array, Array]:
    """Name, values in [0, 1] and what is shown, of a file that Pillow reads."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise InputError(f"{path} is {'a folder' if path.is_dir() else 'no file'}; give an image")
    try:
        with Image.open(path) as file:
            image: Any = ImageOps.exif_transpose(file)
            image.load()
    except Exception as error:  # a damaged file fails in many ways
        said = "" if isinstance(error, UnidentifiedImageError) else f" that can be read: {_line(error)}"
        raise InputError(f"{path} is not an image{said}; give PNG, JPEG, or an array in .npy or .npz") from None
    if image.mode == "F":
        raise InputError(f"{path} holds floating numbers, of which white is unknown; save them as an array in .npy")
    if image.mode in DEEP:
        image = Image.fromarray((np.asarray(image, np.float64) / 257).astype(np.float32))
    grey = image.mode in ("1", "L", "LA", "F")
    wanted = channels or (1 if grey else 3)
    if image.mode != "F":
        image = image.convert("L" if wanted == 1 else "RGB")
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    values = np.asarray(image, np.float64) / 255
    values = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    values = np.broadcast_to(values, (wanted, *values.shape[1:]))
    return path.stem, values, _pixels(_three(values))


def _normalised(values: Array, mean: Sequence[float], std: Sequence[float], path: Path) -> Array:
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, len(values)):
            raise InputError(f"{path}: {name} has {len(numbers)} numbers for {len(values)} channels; give one, or each")
    if min(std) <= 0:
        raise InputError(f"std={tuple(std)!r} must be above 0")
    return (values - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))


def _arrays(path: Path) -> Iterator[tuple[str, Array, Array]]:
    """Name, values and what is shown, of every image in an array file."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            named = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(f"{path} is no array that can be read: {_line(error)}") from None
    if not named:
        raise InputError(f"{path} holds no array; save some with numpy.savez")
    for key, array in named.items():
        name = f"{path.stem}.{key}" if key else path.stem
        values = as_array(array).astype(np.float64)
        if values.ndim not in (2, 3, 4) or values.size == 0 or not np.isfinite(values).all():
            raise InputError(f"{path}: {key or 'the array'} {list(values.shape)} must be finite [H, W] or [B, C, H, W]")
        batch = values.reshape((1,) * (4 - values.ndim) + values.shape)
        for index, one in enumerate(batch):
            yield (name if len(batch) == 1 else f"{name}.{index}"), one, _pixels(_stretched(_three(one)))


def _three(values: Array) -> Array:
    """[C, H, W] → [3, H, W]: as it is, or the mean of the channels, three times."""
    return values if len(values) == 3 else np.repeat(values.mean(0, keepdims=True), 3, 0)


def _stretched(values: Array) -> Array:
    """Values moved to [0, 1]."""
    low, high = values.min(), values.max()
    return (values - low) / ((high - low) or 1.0)


def _pixels(values: Array) -> Array:
    """[3, H, W] in [0, 1] → [H, W, 3] uint8."""
    return np.ascontiguousarray((values.transpose(1, 2, 0) * 255).round().astype(np.uint8))


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
