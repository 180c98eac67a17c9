"""Images are read from where the user has them, in the formats in which they are published, and checked."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks import InputError
from nlblocks.training.data import idx, images, read_data
from nlblocks.training.recipes import ImageData
from parity_tests.training.data import made


@pytest.mark.parametrize("version", ["python", "binary"])
@pytest.mark.parametrize("place", ["archive", "folder of the archive", "unpacked", "folder of what is unpacked"])
def test_cifar10(version: str, place: str, tmp_path: Path) -> None:
    files, pixels, labels = made.cifar_files(4, version)
    folder = f"cifar-10-batches-{'py' if version == 'python' else 'bin'}"
    path = tmp_path
    if "archive" in place:
        archive = tmp_path / f"cifar-10-{version}.tar.gz"
        archive.write_bytes(made.tar_gz(files, folder))
        path = archive if place == "archive" else tmp_path
    else:
        (tmp_path / folder).mkdir()
        for name, data in files.items():
            (tmp_path / folder / name).write_bytes(data)
        path = tmp_path / folder if place == "unpacked" else tmp_path
    found = read_data("cifar10", path)
    assert np.array_equal(found.train.images, pixels[:20])  # type: ignore[arg-type]
    assert np.array_equal(found.test.images, pixels[20:])  # type: ignore[arg-type]
    assert found.train.labels.tolist() == labels[:20].tolist()
    assert found.test.labels.tolist() == labels[20:].tolist()
    assert found.classes[:3] == ("airplane", "automobile", "bird")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_batches_that_python_3_pickled_are_read_too(protocol: int, tmp_path: Path) -> None:
    pixels, labels = made.some(3, 3072)
    batch = pickle.dumps({"data": pixels, "labels": labels.tolist(), "filenames": ["a", "b", "c"]}, protocol)
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (tmp_path / name).write_bytes(batch)
    found = read_data("cifar10", tmp_path)
    assert np.array_equal(np.asarray(found.test.images).transpose(0, 3, 1, 2).reshape(3, -1), pixels)
    assert found.train.labels.tolist() == labels.tolist() * 5


class Hostile:
    """Would write a file if it was unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


CIFAR_FAULTS = {
    "nothing there": ({"test_batch": None, **{f"data_batch_{n}": None for n in range(1, 6)}}, "has no data_batch_1 or"),
    "a batch is missing": ({"data_batch_3": None}, "has no data_batch_3; it is not all of cifar-10-python.tar.gz"),
    "no pickle": ({"data_batch_2": b"hello"}, "data_batch_2: "),
    "truncated": ({"data_batch_2": lambda data: data[:-100]}, "data_batch_2: the file is truncated"),
    "CIFAR-100": (
        {"data_batch_1": made.python_2_batch(*made.some(4, 3072), name="fine_labels")}, "is of CIFAR-100",
    ),
    "another width": ({"test_batch": made.python_2_batch(*made.some(4, 3000))}, r"uint8 \(4, 3000\) and 4 labels"),
    "a label too few": ({"test_batch": made.python_2_batch(made.some(4, 3072)[0], np.arange(3))}, "and 3 labels"),
    "a label too large": ({"test_batch": made.python_2_batch(made.some(1, 3072)[0], np.array([10]))}, "not 0 to 9"),
}  # fmt: skip


@pytest.mark.parametrize("fault", CIFAR_FAULTS)
def test_cifar10_files_are_checked(fault: str, tmp_path: Path) -> None:
    changes, message = CIFAR_FAULTS[fault]
    files, _, _ = made.cifar_files(4, "python")
    for name, data in files.items():
        change = changes.get(name, data)
        changed = change(data) if callable(change) else change
        if changed is not None:
            (tmp_path / name).write_bytes(changed)
    refused("cifar10", tmp_path, message)


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    files, _, _ = made.cifar_files(4, "python")
    files["data_batch_4"] = pickle.dumps({"data": Hostile(tmp_path / "executed"), "labels": []})
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    refused("cifar10", tmp_path, "which is no plain data; it is refused and nothing was executed")
    assert not (tmp_path / "executed").exists()


def test_damage_to_an_archive_is_seen(tmp_path: Path) -> None:
    archive, data = tmp_path / "cifar.tar.gz", bytearray(made.tar_gz(made.cifar_files(4, "python")[0], "x"))
    for change in (data[: len(data) // 2], data[:-1], data[:-8] + bytes(4) + data[-4:], b"hello"):
        archive.write_bytes(bytes(change))
        refused("cifar10", archive, r"cifar\.tar\.gz cannot be read: .*; it is damaged, or no cifar-10-python\.tar\.gz")
    records = made.cifar_files(4, "binary")[0]
    for name, content in records.items():
        (tmp_path / name).write_bytes(content[:-1])
    refused("cifar10", tmp_path, r"data_batch_1\.bin has 12,291 bytes, no multiple of 3,073")


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", [".", "raw"])
def test_mnist(source: str, packed: bool, place: str, tmp_path: Path) -> None:
    pixels, labels = made.mnist_folder(tmp_path / place, 12, 5, packed=packed)
    found = read_data(source, tmp_path)
    assert np.array_equal(found.train.images, pixels[..., None])  # type: ignore[arg-type]
    assert found.train.labels.tolist() == labels.tolist()
    assert found.test.images.shape == (5, 28, 28, 1)
    assert found.classes[9] == ("9" if source == "mnist" else "Ankle boot")


def test_mnist_by_its_other_usual_names(tmp_path: Path) -> None:
    made.mnist_folder(tmp_path, 12, 5, packed=False)
    for file in list(tmp_path.iterdir()):
        file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert len(read_data("mnist", tmp_path).train) == 12


IMAGES, LABELS = made.some(12, 28, 28)
IDX_FAULTS = {
    "absent": (None, "there is no train-images-idx3-ubyte in .*, .gz or not; give --data the folder of"),
    "labels": (made.idx(LABELS), "starts with 00 00 08 01; an idx file of its kind starts with 00 00 08 03"),
    "another magic": (b"\x89PNG" + made.idx(IMAGES)[4:], "starts with 89 50 4e 47"),
    "empty": (b"", "starts with ; an idx"),
    "truncated": (made.idx(IMAGES)[:-1], r"says that it holds \(12, 28, 28\), 9,408 bytes; it holds 9,407; get it"),
    "too long": (made.idx(IMAGES) + b"x", "it holds more"),
    "a huge claim": (made.idx(IMAGES)[:4] + struct.pack(">3I", *[2**31] * 3), "it holds 0"),
    "another count": (made.idx(IMAGES[:11]), "has 11 images, .*train-labels-idx1-ubyte.gz has 12 labels"),
    "cut gzip": (gzip.compress(made.idx(IMAGES))[:-9], "cannot be read: Compressed file ended"),
    "damaged gzip": (gzip.compress(made.idx(IMAGES))[:-8] + bytes(8), "cannot be read: CRC check failed"),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_idx_files_are_checked(fault: str, tmp_path: Path) -> None:
    data, message = IDX_FAULTS[fault]
    made.mnist_folder(tmp_path, 12, 5)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    refused("mnist", tmp_path, message)


def test_a_published_file_of_another_set_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    made.mnist_folder(tmp_path, 12, 5)
    digest = hashlib.md5((tmp_path / "train-images-idx3-ubyte.gz").read_bytes()).hexdigest()
    monkeypatch.setitem(idx.PUBLISHED, digest, "fashion_mnist")
    assert len(read_data("fashion_mnist", tmp_path).train) == 12
    refused("mnist", tmp_path, "is that of fashion_mnist, not of mnist; set data.source")


def test_a_folder_of_images(tmp_path: Path) -> None:
    written = made.image_folder(tmp_path, ((5, 4), (6, 7)), tests="val")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not a picture")
    found = read_data("folder", tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.train.labels.tolist() == found.test.labels.tolist() == [0, 0, 1, 1]
    assert found.train.images.shape == (4, -1, -1, 3)
    for part, split in (("train", found.train), ("val", found.test)):
        for number, name in enumerate(("cat/0", "cat/1", "dog/0", "dog/1")):
            assert np.array_equal(split.images[number], written[f"{part}/{name}.png"])
    with pytest.raises(InputError, match=r"the images differ in size; set data\.size"):
        images.prepared(found.train, ImageData(source="folder"))
    whole = images.prepared(found.train, ImageData(source="folder", size=6)).images[np.arange(4)]
    each = [images.resized(written[f"train/{name}.png"], 6) for name in ("cat/0", "cat/1", "dog/0", "dog/1")]
    assert np.array_equal(whole, np.stack(each))


def test_grey_and_coloured_and_turned_pictures(tmp_path: Path) -> None:
    from PIL import Image

    written = made.image_folder(tmp_path, ((5, 4),), mode="L")
    found = read_data("folder", tmp_path)
    assert found.train.images.shape == found.test.images.shape == (2, 4, 5, 1)
    assert np.array_equal(found.train.images[1], written["train/dog/0.png"])
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright: shown turned to the right by a quarter
    Image.fromarray(pixels).save(tmp_path / "test" / "cat" / "1.png", exif=exif)
    found = read_data("folder", tmp_path)  # one coloured picture among the tests
    assert found.train.images.shape == (2, 4, 5, 3)
    assert found.test.images.shape == (3, 4, 5, 3)
    assert np.array_equal(found.test.images[1], np.rot90(pixels, -1))
    assert np.array_equal(found.train.images[1], np.repeat(written["train/dog/0.png"], 3, axis=2))


def test_folders_of_images_are_checked(tmp_path: Path) -> None:
    from PIL import Image

    refused("folder", tmp_path, r"has no train/ and test/ \(or val/\) in it; give --data a folder of train/CLASS")
    made.image_folder(tmp_path, ((5, 4),))
    (tmp_path / "test" / "cow").mkdir()
    refused("folder", tmp_path, "test has 'cow', which train/ has not; there are 'cat', 'dog'")
    (tmp_path / "test" / "cow").rmdir()
    bad = tmp_path / "train" / "dog" / "1.png"
    bad.write_bytes(b"hello")
    refused("folder", tmp_path, r"dog/1\.png is no image that can be read")
    Image.fromarray(np.zeros((4, 5), np.uint16)).save(bad)
    refused("folder", tmp_path, r"dog/1\.png has more than 8 bits a channel \(mode I;16\); save it with 8")
    whole = (tmp_path / "train" / "dog" / "0.png").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])  # its header is whole: it is found when it is decoded
    with pytest.raises(InputError, match=r"dog/1\.png cannot be read as an image"):
        images.prepared(read_data("folder", tmp_path).train, ImageData(source="folder", size=6))
    for file in tmp_path.glob("test/*/*"):
        file.unlink()
    bad.unlink()
    refused("folder", tmp_path, "test has no pictures in its folders")


@pytest.mark.parametrize("source", ["cifar10", "mnist", "fashion_mnist", "folder"])
def test_what_is_absent_is_named_with_where_to_get_it(source: str, tmp_path: Path) -> None:
    refused(source, None, f"where the images of {source} lie must be said; give --data PATH: .*; nothing is downloaded")
    refused(source, tmp_path / "nowhere", "there is no .*nowhere; give --data PATH: .*; nothing is downloaded")
    if source != "folder":
        refused(source, None, "https://")


def test_the_digits_need_no_files(tmp_path: Path) -> None:
    found = read_data("digits")
    assert (len(found.train), len(found.test), found.train.images.shape[1:]) == (1438, 359, (8, 8, 1))
    refused("digits", tmp_path, "the digits are in scikit-learn")


def refused(source: str, path: Path | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_data(source, path)
    assert "\n" not in str(caught.value)
