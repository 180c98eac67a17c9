"""A folder of images: train/CLASS/*.png and test/CLASS/*.png, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nlblocks.errors import InputError, known
from nlblocks.training.data.dataset import DIFFERENT, Dataset, Pixels, Split

WHAT = "a folder of train/CLASS/*.png and test/CLASS/*.png (or val/; .jpg and other pictures too)"
TESTS = ("test", "val")
"""Folders that may hold the test images; the first that is there does."""
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
GREY = frozenset({"1", "L", "LA"})
DEEP = ("I", "F")
"""How Pillow names modes of more than 8 bits a channel begin; to make them 8 would choose a scale in silence."""
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""The tag by which a camera says how it was held, and where height and width change places."""


class ImageFiles:
    """Images [N, H, W, C] in files; each is decoded whenever it is asked for. ``mode`` is L (C = 1) or RGB (C = 3)."""

    dtype = np.dtype(np.uint8)

    def __init__(self, paths: Sequence[Path], mode: str, sizes: set[tuple[int, int]]) -> None:
        self.paths, self.mode = paths, mode
        width, height = sizes.pop() if len(sizes) == 1 else (DIFFERENT, DIFFERENT)
        self.shape = (len(paths), height, width, 1 if mode == "L" else 3)

    def __getitem__(self, index: int) -> Pixels:
        from PIL import Image, ImageOps

        path = self.paths[index]
        try:
            with Image.open(path) as image:
                found = np.array(ImageOps.exif_transpose(image).convert(self.mode))
        except Exception as error:  # Pillow's decoders raise all sorts
            raise InputError(f"{path} cannot be read as an image: {error}") from None
        return found.reshape(*found.shape[:2], -1)


def read(path: Path) -> Dataset:
    """The images of a folder, labelled by their folders' names in order.

    They are grey where all files are, and else RGB, whatever is transparent; and upright, as cameras say that they are.
    """
    if find_spec("PIL") is None:
        raise InputError('a folder of images needs Pillow; install it with: pip install "nlblocks[train]"')
    tests = next((name for name in TESTS if (path / name).is_dir()), None)
    if tests is None or not (path / "train").is_dir():
        raise InputError(f"{path} has no train/ and test/ (or val/) in it; give --data {WHAT}")
    classes = tuple(sorted(item.name for item in (path / "train").iterdir() if _is_class(item)))
    strange = sorted(item.name for item in (path / tests).iterdir() if _is_class(item) and item.name not in classes)
    if strange:
        raise InputError(f"{path / tests} has {known(strange)}, which train/ has not; there are {known(classes)}")
    listed = {name: _listed(path / name, classes) for name in ("train", tests)}
    seen = {name: _looked_at(paths) for name, (paths, _) in listed.items()}
    mode = "L" if all(modes <= GREY for modes, _ in seen.values()) else "RGB"
    train, test = (
        Split(ImageFiles(paths, mode, seen[name][1]), np.array(labels, np.int64))
        for name, (paths, labels) in listed.items()
    )
    return Dataset(train=train, test=test, classes=classes)


def _is_class(item: Path) -> bool:
    return item.is_dir() and not item.name.startswith(".")


def _listed(folder: Path, classes: Sequence[str]) -> tuple[list[Path], list[int]]:
    """The images under a folder, class by class and by name, and their labels."""
    paths, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(item for item in (folder / name).glob("*") if item.suffix.lower() in ENDINGS)
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise InputError(f"{folder} has no pictures in its folders; give --data {WHAT}")
    return paths, labels


def _looked_at(paths: Sequence[Path]) -> tuple[set[str], set[tuple[int, int]]]:
    """The modes and sizes of images, by their headers alone."""
    from PIL import Image

    modes, sizes = set(), set()
    for path in paths:
        try:
            with Image.open(path) as image:
                mode, (width, height) = image.mode, image.size
                turned = "exif" in image.info and image.getexif().get(ORIENTATION) in TURNED
        except OSError as error:  # also what is no image
            raise InputError(f"{path} is no image that can be read: {error}") from None
        if mode.startswith(DEEP):
            raise InputError(f"{path} has more than 8 bits a channel (mode {mode}); save it with 8")
        modes.add(mode)
        sizes.add((height, width) if turned else (width, height))
    return modes, sizes
