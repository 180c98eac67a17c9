"""Where images come from: a reader for each source."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from nlblocks.errors import InputError, known, meant
from nlblocks.training.data import cifar, folder, idx
from nlblocks.training.data.dataset import Dataset, Split

TEST_SHARE = 5
"""Of a source that has no test images of its own, every fifth image is one."""

READERS: Mapping[str, tuple[Callable[[Path], Dataset], str]] = {
    "cifar10": (cifar.read, cifar.WHAT),
    "mnist": (lambda path: idx.read(path, "mnist"), idx.WHAT["mnist"]),
    "fashion_mnist": (lambda path: idx.read(path, "fashion_mnist"), idx.WHAT["fashion_mnist"]),
    "folder": (folder.read, folder.WHAT),
}
"""How each source is read, and what it is and where to get it."""


def read_data(source: str, path: Path | None = None) -> Dataset:
    """The images of a source, from where the user has them. Nothing is ever downloaded."""
    if source == "digits":
        if path is not None:
            raise InputError(f"the digits are in scikit-learn, not in {path}; leave --data out, or set data.source")
        return digits()
    if source not in READERS:
        hint = meant(source, READERS)
        raise InputError(f"source {source!r} has no reader; there are {known(['digits', *READERS])}{hint}")
    read, what = READERS[source]
    if path is None or not path.exists():
        missing = f"there is no {path}" if path else f"where the images of {source} lie must be said"
        raise InputError(f"{missing}; give --data PATH: {what}; nothing is downloaded")
    return read(path)


def digits() -> Dataset:
    """scikit-learn's digits: 1,797 grey images of 8×8; the package holds them."""
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ModuleNotFoundError:
        raise InputError('the digits need scikit-learn; install it with: pip install "nlblocks[train]"') from None
    found = datasets.load_digits()
    images = np.rint(found.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = found.target.astype(np.int64)
    test = np.arange(len(labels)) % TEST_SHARE == TEST_SHARE - 1
    return Dataset(
        train=Split(images[~test], labels[~test]), test=Split(images[test], labels[test]),
        classes=tuple(str(name) for name in found.target_names),
    )  # fmt: skip
