"""CIFAR-10: its archive, or the folder of its batches, in the Python version (pickles) or the binary one."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import Dataset, Split
from nlblocks.weights.files.plain import read_pickle

WHAT = (
    "cifar-10-python.tar.gz or cifar-10-binary.tar.gz, or the folder of what is in it, from "
    "https://www.cs.toronto.edu/~kriz/cifar.html"
)
TRAIN, TEST = tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",)
FOLDERS = {"": "cifar-10-batches-py", ".bin": "cifar-10-batches-bin"}
"""The folder of each version, by the ending of its files' names."""
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, CHANNELS = 32, 3
PIXELS = CHANNELS * SIDE * SIDE
LARGEST = 1 << 28
"""Bytes of a file that is read: eight times a batch, and more."""


def read(path: Path) -> Dataset:
    """The images, [N, 32, 32, 3], batch by batch."""
    archive = path if path.is_file() else _archive_in(path)
    files = dict(_members(archive) if archive else _files(path))
    for ending in FOLDERS:
        names = [f"{name}{ending}" for name in (*TRAIN, *TEST)]
        if any(name in files for name in names):
            missing = [name for name in names if name not in files]
            if missing:
                raise InputError(f"{path} has no {', '.join(missing)}; it is not all of {WHAT}")
            parse = _binary if ending else _pickled
            read = {name: parse(path / name, files[name]) for name in names}
            train, test = ([read[f"{name}{ending}"] for name in part] for part in (TRAIN, TEST))
            return Dataset(train=_joined(train), test=_joined(test), classes=CLASSES)
    raise InputError(f"{path} has no data_batch_1 or data_batch_1.bin in it; give --data {WHAT}")


def _archive_in(folder: Path) -> Path | None:
    """The archive in a folder that has no unpacked batches."""
    if any(True for _ in _paths(folder)):
        return None
    return next((folder / name for name in ARCHIVES if (folder / name).is_file()), None)


def _paths(folder: Path) -> Iterator[Path]:
    """The files of batches in a folder, or in the one of theirs in it: of one version."""
    for ending, name in FOLDERS.items():
        for place in (folder, folder / name):
            found = [place / f"{batch}{ending}" for batch in (*TRAIN, *TEST)]
            if any(item.is_file() for item in found):
                yield from (item for item in found if item.is_file())
                return


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in _paths(folder):
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes, more than any batch of CIFAR-10")
        yield path.name, path.read_bytes()


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The batches in an archive, which is read to its end: there it holds a checksum of all."""
    names = {f"{batch}{ending}" for ending in FOLDERS for batch in (*TRAIN, *TEST)}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                if name in names and member.isreg() and member.size <= LARGEST:
                    content = tar.extractfile(member)
                    yield name, content.read() if content else b""
            while tar.fileobj and tar.fileobj.read(1 << 20):
                pass
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        first = str(error).splitlines()[0].rstrip(":")  # tarfile tells of every format that it tried
        raise InputError(f"{archive} cannot be read: {first}; it is damaged, or no {ARCHIVES[0]}") from None


def _pickled(path: Path, data: bytes) -> Split:
    """A batch of the Python version: {"data": uint8 [N, 3072], "labels": [N]}."""
    found = read_pickle(path, data)
    keys = set(found) if isinstance(found, dict) else set()
    if "fine_labels" in keys:
        raise InputError(f"{path} is of CIFAR-100, which has other classes; give --data {WHAT}")
    if not keys >= {"data", "labels"}:
        raise InputError(f"{path} holds no 'data' and 'labels'; it is no batch of CIFAR-10")
    return _batch(path, found["data"], found["labels"])


def _binary(path: Path, data: bytes) -> Split:
    """A batch of the binary version: a byte of label and 3,072 of pixels, again and again."""
    if len(data) % (1 + PIXELS):
        raise InputError(f"{path} has {len(data):,} bytes, no multiple of {1 + PIXELS:,}: it is truncated or damaged")
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
    return _batch(path, records[:, 1:], records[:, 0].tolist())


def _batch(path: Path, pixels: Any, labels: Any) -> Split:
    count = len(labels) if isinstance(labels, list) else -1
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != (count, PIXELS):
        found = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise InputError(f"{path} holds pixels of {found} and {count} labels; a batch has uint8 [N, {PIXELS}] and N")
    if any(type(label) is not int or not 0 <= label < len(CLASSES) for label in labels):
        raise InputError(f"{path} has a label that is not 0 to {len(CLASSES) - 1}")
    images = pixels.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Split(np.ascontiguousarray(images), np.array(labels, np.int64))


def _joined(batches: list[Split]) -> Split:
    images, labels = zip(*((batch.images, batch.labels) for batch in batches), strict=True)
    return Split(np.concatenate(images), np.concatenate(labels))
