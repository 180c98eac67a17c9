"""Small sets of images in the formats of the real ones, written byte by byte."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def some(count: int, *shape: int, seed: int = 0, classes: int = 10) -> tuple[Array, Array]:
    """Random images of 0 to 255, [count, *shape], and labels that have every class in turn."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
    return images, np.arange(count) % classes


def python_2_batch(pixels: Array, labels: Array, name: str = "labels") -> bytes:
    """A batch as Python 2 pickled it for CIFAR-10, opcode by opcode: byte strings, not bytes nor text."""

    def text(value: bytes) -> bytes:
        return (
            b"U" + struct.pack("<B", len(value)) + value
            if len(value) < 256
            else b"T" + struct.pack("<i", len(value)) + value
        )

    def number(value: int) -> bytes:
        return b"K" + struct.pack("<B", value) if value < 256 else b"M" + struct.pack("<H", value)

    make = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\0\x85" + text(b"b") + b"\x87R"
    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\0K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    shape = number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    array = make + b"(K\x01" + shape + dtype + b"\x89" + text(pixels.tobytes()) + b"tb"
    listed = b"](" + b"".join(number(int(label)) for label in labels) + b"e"
    names = b"](" + b"".join(text(b"leptodactylus_s_%06d.png" % label) for label in labels) + b"e"
    items = {b"data": array, name.encode(): listed, b"batch_label": text(b"training batch 1 of 5"), b"filenames": names}
    return b"\x80\x02}q\x01(" + b"".join(text(key) + value for key, value in items.items()) + b"u."


def cifar_files(count: int, version: str) -> tuple[dict[str, bytes], Array, Array]:
    """Five batches of training and one of tests, ``count`` each; what is in all six, [6·count, 32, 32, 3]."""
    images, labels = some(6 * count, 32, 32, 3)
    pixels = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    files = {}
    for number, name in enumerate((*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")):
        part = slice(number * count, (number + 1) * count)
        if version == "python":
            files[name] = python_2_batch(pixels[part], labels[part])
        else:
            records = np.concatenate([labels[part, None].astype(np.uint8), pixels[part]], axis=1)
            files[f"{name}.bin"] = records.tobytes()
    return files, images, labels


def tar_gz(files: dict[str, bytes], folder: str) -> bytes:
    """A .tar.gz of files in a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def idx(array: Array) -> bytes:
    """An idx file of unsigned bytes."""
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def mnist_folder(folder: Path, train: int, test: int, *, side: int = 28, packed: bool = True) -> tuple[Array, Array]:
    """The four files of MNIST; the training images [train, side, side] and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    first: tuple[Array, Array] | None = None
    for part, count in (("train", train), ("t10k", test)):
        images, labels = some(count, side, side, seed=count)
        first = first or (images, labels)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            data = idx(array)
            (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(data) if packed else data)
    assert first is not None
    return first


def image_folder(
    folder: Path, sizes: tuple[tuple[int, int], ...], *, mode: str = "RGB", tests: str = "test"
) -> dict[str, Array]:
    """Pictures of two classes, for training and for tests, one of each size [W, H]; what each file holds, by name."""
    from PIL import Image

    stream, found = np.random.default_rng(0), {}
    for part in ("train", tests):
        for name in ("cat", "dog"):
            place = folder / part / name
            place.mkdir(parents=True)
            for number, (width, height) in enumerate(sizes):
                pixels = stream.integers(0, 256, (height, width, 3) if mode == "RGB" else (height, width), np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
                found[f"{part}/{name}/{number}.png"] = pixels.reshape(height, width, -1)
    return found
