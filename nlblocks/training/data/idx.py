"""MNIST and Fashion-MNIST: four idx files, gzipped or not."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import Dataset, Split

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
WHAT = {
    "mnist": f"the folder of {FILES[0]}.gz and its three fellows, unpacked or not, from "
    "http://yann.lecun.com/exdb/mnist or https://ossci-datasets.s3.amazonaws.com/mnist",
    "fashion_mnist": f"the folder of {FILES[0]}.gz and its three fellows, unpacked or not, from "
    "https://github.com/zalandoresearch/fashion-mnist",
}
PLACES = (".", "raw", "MNIST/raw", "FashionMNIST/raw")
"""Where in a folder the files may lie: beside each other, or as torchvision puts them."""
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip
PUBLISHED = {
    "f68b3c2dcbeaaa9fbdd348bbdeb94873": "mnist",
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d": "fashion_mnist",
    "bdb82020997e1d708af4cf47b453dcf7": "KMNIST",
}
"""MD5 of the published training images: the files of these sources have the same names and sizes."""

LARGEST = 1 << 28
"""Bytes of images that are read: five times what any of these sets has."""


def read(path: Path, source: str) -> Dataset:
    """The training and test images of a source, from the folder of its files."""
    if not path.is_dir():
        raise InputError(f"{path} is a file; give {WHAT[source]}")
    files = [_found(path, name, source) for name in FILES]
    published = PUBLISHED.get(hashlib.md5(files[0].read_bytes(), usedforsecurity=False).hexdigest(), source)
    if published != source:
        raise InputError(f"{files[0]} is that of {published}, not of {source}; set data.source, or give another folder")
    splits = []
    for images_file, labels_file in (files[:2], files[2:]):
        images, labels = _array(images_file, 3), _array(labels_file, 1)
        if len(images) != len(labels):
            raise InputError(f"{images_file} has {len(images)} images, {labels_file} has {len(labels)} labels")
        splits.append(Split(images[..., None], labels.astype(np.int64)))
    return Dataset(train=splits[0], test=splits[1], classes=CLASSES[source])


def _found(folder: Path, name: str, source: str) -> Path:
    """A file of the four, by any of its usual names."""
    names = [f"{stem}{ending}" for stem in (name, name.replace("-idx", ".idx")) for ending in ("", ".gz")]
    for place in PLACES:
        for found in (folder / place / name for name in names):
            if found.is_file():
                return found
    raise InputError(f"there is no {name} in {folder}, .gz or not; give --data {WHAT[source]}")


def _array(path: Path, axes: int) -> NDArray[np.uint8]:
    """What an idx file of unsigned bytes holds: [N] or [N, H, W]. The header must account for every byte."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else raw as file:
                return _parsed(file, path, axes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; get it again") from None


def _parsed(file: io.BufferedIOBase, path: Path, axes: int) -> NDArray[np.uint8]:
    head = file.read(4 + 4 * axes)
    magic = bytes((0, 0, 8, axes))  # two zeros, unsigned bytes, so many axes
    if len(head) < 4 + 4 * axes or head[:4] != magic:
        raise InputError(
            f"{path} starts with {head[:4].hex(' ')}; an idx file of its kind starts with {magic.hex(' ')}"
        )
    shape = struct.unpack(f">{axes}I", head[4:])
    count = math.prod(shape)
    data = file.read(min(count, LARGEST) + 1)  # one more, to see that the file ends there
    if len(data) != count:
        more = "more" if len(data) > count else f"{len(data):,}"
        raise InputError(f"{path} says that it holds {shape}, {count:,} bytes; it holds {more}; get it again")
    return np.frombuffer(data, np.uint8).reshape(shape)
