"""Distributed checkpoints: read whole by their metadata, or refused with what to gather; never a part for the whole."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.hostile import bounded, refused

WEIGHT = np.arange(32, dtype="f4").reshape(4, 8)
CUTS = {"0": (slice(0, 4), slice(0, 3)), "1": (slice(0, 4), slice(3, 8))}


def torch_parts(folder: Path, change: Callable[[Any], None] = lambda metadata: None) -> Path:
    """What two ranks save of a weight that each holds some columns of, with torch's own classes."""
    import torch
    from torch.distributed.checkpoint import metadata as about
    from torch.distributed.checkpoint.filesystem import _StorageInfo

    folder.mkdir()
    rows: dict[str, Any] = {}
    places = {}
    one = about.TensorProperties(dtype=torch.float32)
    chunks = []
    for rank, cut in CUTS.items():
        file = io.BytesIO()
        for name, value in (("fc.weight", WEIGHT[cut]), (f"b{rank}", np.full(3, float(rank), "f4"))):
            start, data = file.tell(), io.BytesIO()
            torch.save(torch.from_numpy(value.copy()), data)
            file.write(data.getvalue())
            offset = (0, cut[1].start) if name == "fc.weight" else (0,)
            if name == "fc.weight":
                chunks.append(about.ChunkStorageMetadata(torch.Size(offset), torch.Size(value.shape)))
            else:
                whole = [about.ChunkStorageMetadata(torch.Size(offset), torch.Size(value.shape))]
                rows[name] = about.TensorStorageMetadata(one, torch.Size(value.shape), whole)
            index = about.MetadataIndex(name, torch.Size(offset))
            places[index] = _StorageInfo(f"__{rank}_0.distcp", start, file.tell() - start)
        (folder / f"__{rank}_0.distcp").write_bytes(file.getvalue())
    rows["fc.weight"] = about.TensorStorageMetadata(one, torch.Size(WEIGHT.shape), chunks)
    metadata = about.Metadata(rows, {"fc.weight": ("model", "fc.weight")}, places)
    change(metadata)
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))
    return folder


def paddle_parts(folder: Path, change: Callable[[Any], None] = lambda metadata: None) -> Path:
    """The same by Paddle."""
    import paddle
    from paddle.distributed.flex_checkpoint.dcp import metadata as about

    folder.mkdir()
    rows, places = [], {}
    for rank, cut in CUTS.items():
        offset, value = (0, cut[1].start), WEIGHT[cut]
        rows.append(about.LocalTensorMetadata(offset, value.shape, "float32", WEIGHT.shape))
        places[about.LocalTensorIndex("fc.weight", offset)] = f"{rank}_0.distcp"
        paddle.save({"fc.weight": paddle.to_tensor(value)}, str(folder / f"{rank}_0.distcp"))
    metadata = about.Metadata({"fc.weight": rows}, places, {"fc.weight": ("fc.weight",)})
    change(metadata)
    (folder / "0.metadata").write_bytes(pickle.dumps(metadata))
    return folder


BOTH = {"torch": torch_parts, "paddle": paddle_parts}
PARTS = {"torch": ["__0_0.distcp", "__1_0.distcp"], "paddle": ["0_0.distcp", "1_0.distcp"]}


@pytest.mark.parametrize("framework", BOTH)
def test_a_weight_cut_over_two_ranks_is_read_whole(tmp_path: Path, require: Any, framework: str) -> None:
    require(framework)
    folder = BOTH[framework](tmp_path / "saved")
    metadata = next(path for path in folder.iterdir() if path.name.endswith(".metadata"))
    for path in (folder, metadata, *(folder / name for name in PARTS[framework])):
        found = open_checkpoint(path, "")
        name = "model.fc.weight" if framework == "torch" else "fc.weight"
        assert np.array_equal(found[name].numpy(), WEIGHT)
        assert found.layout == framework
        assert f"{framework.capitalize() if framework == 'paddle' else framework} distributed" in found.format
    key = "model" if framework == "torch" else ""
    output_of(convert, folder, tmp_path / "whole.safetensors", "--key", key, "--to", framework)
    assert np.array_equal(open_checkpoint(tmp_path / "whole.safetensors")["fc.weight"].numpy(), WEIGHT)


@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("gone", ["metadata", "part"])
def test_a_part_alone_is_refused(tmp_path: Path, require: Any, framework: str, gone: str) -> None:
    require(framework)
    folder = BOTH[framework](tmp_path / "saved")
    for path in list(folder.iterdir()):
        if path.name.endswith(".metadata" if gone == "metadata" else PARTS[framework][1]):
            path.unlink()
    part = folder / PARTS[framework][0]
    with pytest.raises(InputError, match="parts of all ranks"):
        open_checkpoint(part)
    assert not list(tmp_path.glob("*.pth"))


def test_what_torch_saves_in_one_process(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch
    from torch.distributed import checkpoint

    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    net(torch.randn(5, 3)).sum().backward()
    optimiser.step()
    with pytest.warns(UserWarning, match="single process"):
        checkpoint.save({"model": net.state_dict(), "optim": optimiser.state_dict(), "epoch": 3},
                        checkpoint_id=tmp_path / "saved")  # fmt: skip
    found = open_checkpoint(tmp_path / "saved")
    assert found.key == "model"
    for name, value in net.state_dict().items():
        assert np.array_equal(found[name].numpy(), value.numpy())
    assert "epoch = 3" in output_of(inspect, tmp_path / "saved")


def test_archives_one_behind_the_other_are_not_one(tmp_path: Path, require: Any) -> None:
    """Of tensors of one size every number in the last archive fits the first as well."""
    require("torch")
    import torch

    data = b""
    for value in range(3):
        file = io.BytesIO()
        torch.save(torch.full((4, 3), float(value)), file)
        data += file.getvalue()
    (tmp_path / "m.pth").write_bytes(data)
    refused(tmp_path / "m.pth", "not alone", ".metadata")


def _set(attribute: str, value: Any) -> Callable[[Any], None]:
    def change(metadata: Any) -> None:
        setattr(metadata, attribute, value)

    return change


def _places(**changed: Any) -> Callable[[Any], None]:
    def change(metadata: Any) -> None:
        for info in metadata.storage_data.values():
            for name, value in changed.items():
                setattr(info, name, value)

    return change


def _chunks(change: Callable[[list[Any]], Any]) -> Callable[[Any], None]:
    return lambda metadata: change(metadata.state_dict_metadata["fc.weight"].chunks)


TORCH: dict[str, tuple[Callable[[Any], None], str]] = {
    "no table": (_set("state_dict_metadata", None), "not the metadata"),
    "no places": (_set("storage_data", {}), "does not say where"),
    "a table of text": (_set("storage_data", "x"), "not the metadata"),
    "rows of numbers": (_set("state_dict_metadata", {"a": 3}), "not the metadata"),
    "a file elsewhere": (_places(relative_path="../secret"), "no file beside"),
    "a file of the system": (_places(relative_path="/etc/passwd"), "no file beside"),
    "a file that is not there": (_places(relative_path="x"), "missing"),
    "a negative place": (_places(offset=-1), "impossible place"),
    "a place past the end": (_places(offset=1 << 40), "past the end"),
    "a length past the end": (_places(length=1 << 40), "past the end"),
    "a length of text": (_places(length="9"), "impossible place"),
    "nothing there": (_places(length=0), "no part lies"),
    "the middle of one": (_places(offset=9), "no part lies"),
    "compressed": (_places(transform_descriptors=["zstd"]), "compressed"),
    "one chunk too few": (_chunks(lambda chunks: chunks.pop()), "of its 32 elements"),
    "a chunk twice": (_chunks(lambda chunks: chunks.append(chunks[0])), "overlap"),
}  # fmt: skip


@pytest.mark.parametrize("case", TORCH)
def test_metadata_that_lies(tmp_path: Path, require: Any, case: str) -> None:
    require("torch")
    change, said = TORCH[case]
    folder = torch_parts(tmp_path / "saved", change)
    with bounded(), pytest.raises(InputError, match=said) as caught:
        open_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_metadata_of_another_checkpoint(tmp_path: Path, require: Any) -> None:
    require("torch")
    one, other = torch_parts(tmp_path / "one"), torch_parts(tmp_path / "other")
    shutil.copy(one / "__0_0.distcp", other / "__1_0.distcp")
    with pytest.raises(InputError):
        open_checkpoint(other)


def test_metadata_that_runs_something(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / ".metadata").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    refused(tmp_path / "saved" / ".metadata", "posix.system")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("x")
    refused(tmp_path, "give the file of the weights")
