"""Where images come from: a reader for each source."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import Dataset, Split

TEST_SHARE = 5
"""Of a source that has no test images of its own, every fifth image is one."""


def read_data(source: str, path: Path | None = None) -> Dataset:
    """The images of a source, from where the user has them. Nothing is ever downloaded."""
    if source == "digits":
        return digits()
    raise InputError(f"source {source!r} has no reader")


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
