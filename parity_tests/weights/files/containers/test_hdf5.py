"""HDF5: datasets by their paths, where h5py is installed; nothing outside of the file is followed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.hostile import refused

KERNEL = np.arange(6, dtype="f4").reshape(2, 3)


@pytest.fixture
def h5py() -> Any:
    return pytest.importorskip("h5py", reason="the extra hdf5 is not installed")


def test_datasets_have_the_names_of_their_paths(tmp_path: Path, h5py: Any) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["encoder/fc/weight"] = KERNEL
        file.create_dataset("encoder/fc/bias", data=KERNEL[:, 0].astype(">f8"), compression="gzip")
        file["comment"] = "trained at night"
        file["count"] = np.int64(3)
    found = open_checkpoint(path, "")
    assert np.array_equal(found["encoder.fc.weight"].numpy(), KERNEL)
    assert np.array_equal(found["encoder.fc.bias"].numpy(), KERNEL[:, 0])
    assert found["count"].numpy() == 3
    assert found.format == "HDF5"
    assert "comment" in output_of(inspect, path)


def test_keras_files_say_how_they_lie(tmp_path: Path, h5py: Any) -> None:
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
        file["layers/dense/vars/1"] = KERNEL[0]
    result = call(path, tmp_path / "m.safetensors", command=convert)
    assert "Keras lays a Dense out as [in, out]" in result.output
    assert np.array_equal(open_checkpoint(tmp_path / "m.safetensors")["layers.dense.vars.0"].numpy(), KERNEL)


def test_nothing_outside_is_followed(tmp_path: Path, h5py: Any) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["w"] = KERNEL
    (tmp_path / "raw").write_bytes(KERNEL.tobytes())
    for name, said in (("link", "link to elsewhere"), ("soft", "link to elsewhere"), ("raw", "another file"),
                       ("virtual", "another file")):  # fmt: skip
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            if name == "link":
                file["w"] = h5py.ExternalLink("secret.h5", "/w")
            elif name == "soft":
                file["w"] = h5py.SoftLink("/w")
            elif name == "raw":
                file.create_dataset("w", (2, 3), "f4", external=[(str(tmp_path / "raw"), 0, 24)])
            else:
                layout = h5py.VirtualLayout((2, 3), "f4")
                layout[...] = h5py.VirtualSource(tmp_path / "secret.h5", "w", (2, 3))
                file.create_virtual_dataset("w", layout)
        refused(path, said)


def test_a_group_in_itself(tmp_path: Path, h5py: Any) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["a"] = group
    refused(path, "nested more than 64 deep")


def test_a_dataset_that_unpacks_to_more_than_the_file_may_hold(tmp_path: Path, h5py: Any) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (1 << 30,), "f4", chunks=(1 << 20,), compression="gzip")
    refused(path, "more than 16 times")


@pytest.mark.parametrize("data", [b"\x89HDF\r\n\x1a\n" + b"\0" * 40, b"\x89HDF\r\n\x1a\n" + b"\xff" * 400])
def test_damaged_files(tmp_path: Path, h5py: Any, data: bytes) -> None:
    (tmp_path / "m.h5").write_bytes(data)
    refused(tmp_path / "m.h5", "h5py cannot read")


def test_values_that_are_damaged(tmp_path: Path, h5py: Any) -> None:
    """What is wrong with them shows when they are read."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=KERNEL, compression="gzip")
    path.write_bytes(path.read_bytes().replace(b"TREE\1", b"TREE\7"))
    refused(path, "h5py cannot read")


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 40)
    refused(tmp_path / "m.h5", "pip install 'nlblocks[hdf5]'")
