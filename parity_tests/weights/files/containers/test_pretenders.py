"""What a download often is instead of the weights: said by name, with what to do, in one line."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from parity_tests.helpers.hostile import refused, zip_with


def in_tar(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def alone(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


PRETENDERS: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "an LFS pointer": ("m.pth", b"version https://git-lfs.github.com/spec/v1\noid", ("Git LFS", "git lfs pull")),
    "an LFS pointer called otherwise": ("m.bin", b"version https://git-lfs.github.com/spec/v1\n", ("git lfs pull",)),
    "a web page": ("m.pdparams", b"\n<!DOCTYPE html><html>404</html>", ("web page", "download it again")),
    "a web page with a mark before it": ("m.pt", b"\xef\xbb\xbf<html lang='en'>", ("web page",)),
    "an error of a bucket": ("m.pth", b"<?xml version='1.0'?><Error>AccessDenied</Error>", ("web page",)),
    "an error in a few words": ("m.pth", b"Entry not found", ("text", "Entry not found")),
    "an error in JSON": ("m.pth", b'{"error": "Repository not found"}', ("JSON", "Repository not found")),
    "gzip": ("m.pth.gz", b"\x1f\x8b\x08\0" + b"\0" * 20, ("gzip", "unpack")),
    "tar": ("m.tar", in_tar("model.pth"), ("tar archive", "unpack")),
    "one array": ("w.npy", alone(np.ones(3)), ("NumPy array", "np.savez")),
    "a Lite program": ("m.tflite", b"\x1c\0\0\0TFL3" + b"\0" * 20, ("TensorFlow Lite",)),
    "a Darknet file": ("yolo.weights", b"\0\0\0\0\2\0\0\0" * 4, ("Darknet",)),
    "nobody knows": ("m.pth", b"\xde\xad\xbe\xef" * 4, ("it starts with the bytes de ad be ef",)),
}  # fmt: skip


@pytest.mark.parametrize("case", PRETENDERS)
def test_what_is_not_the_file_itself_is_said(tmp_path: Path, case: str) -> None:
    name, data, parts = PRETENDERS[case]
    path = tmp_path / name
    path.write_bytes(data)
    assert "\\\\" not in refused(path, *parts)


def test_a_zip_of_a_checkpoint_names_what_to_take_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("snapshot/model.safetensors", b"x")
    refused(path, "zip archive", "snapshot/model.safetensors", "unpack it")


def test_a_zip_of_anything_else_has_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    path.write_bytes(zip_with([("setup.py", b"x"), ("README", b"y")]))
    refused(path, "setup.py and 1 more", "no weights")


def test_what_lies_beside_a_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "config.yaml").write_text("hidden: 3")
    refused(tmp_path / "config.yaml", "such as model.safetensors beside it")
