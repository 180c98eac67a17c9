"""TorchScript and torch.export: the tensors of the state dict, by its names; no program is read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.hostile import a, bounded, refused, tensor, zip_with


def model(torch: Any) -> Any:
    torch.manual_seed(0)
    inner = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.PReLU())
    net = torch.nn.Sequential(
        inner, torch.nn.InstanceNorm2d(4, affine=True), torch.nn.Flatten(), torch.nn.Linear(144, 5)
    )
    net.register_buffer("table", torch.arange(6.0))
    return net.eval()


def scripted(torch: Any, net: Any, path: Path) -> None:
    torch.jit.save(torch.jit.script(net), path)


def traced(torch: Any, net: Any, path: Path) -> None:
    torch.jit.save(torch.jit.trace(net, torch.randn(1, 3, 8, 8)), path)


def exported(torch: Any, net: Any, path: Path) -> None:
    torch.export.save(torch.export.export(net, (torch.randn(1, 3, 8, 8),)), path)


@pytest.mark.parametrize("save", [scripted, traced, exported])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Converting a tensor to a Python")
def test_a_program_has_the_tensors_of_its_state_dict(
    tmp_path: Path, require: Any, save: Callable[[Any, Any, Path], None]
) -> None:
    require("torch")
    import torch

    net = model(torch)
    path = tmp_path / "m.pt2"
    save(torch, net, path)
    found, expected = open_checkpoint(path), net.state_dict()
    assert set(found) == set(expected)
    for name, value in found.state().items():
        assert np.array_equal(value, expected[name].numpy())
    assert "its program is not read" in output_of(inspect, path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_classes_of_its_modules_say_what_the_weights_are(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    scripted(torch, model(torch), tmp_path / "m.pt")
    torch.save(model(torch), tmp_path / "whole.pt")
    for name in ("m.pt", "whole.pt"):
        said = open_checkpoint(tmp_path / name).record["said"]
        assert said == {"0.1.weight": "batch_norm", "0.2.weight": "prelu", "1.weight": "instance_norm",
                        "3.weight": "linear"}  # fmt: skip
        result = call(tmp_path / name, tmp_path / "m.pdparams", command=convert)
        assert "note" not in result.output  # nothing is in doubt
        found = open_checkpoint(tmp_path / "m.pdparams")
        assert {"0.2._weight", "1.scale"} <= set(found)
        assert found["3.weight"].shape == (144, 5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_frozen_program_has_lost_its_names(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    torch.jit.save(torch.jit.freeze(torch.jit.script(model(torch))), tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "frozen", "torch.jit.freeze")


def test_the_older_archive_of_an_exported_program(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    net = model(torch)
    torch.save(net.state_dict(), tmp_path / "state.pt")
    with zipfile.ZipFile(tmp_path / "m.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.write(tmp_path / "state.pt", "serialized_state_dict.pt")
        archive.writestr("version", "5.3")
    found = open_checkpoint(tmp_path / "m.pt2").state()
    for name, value in net.state_dict().items():
        assert np.array_equal(found[name], value.numpy())


CODE = (
    "a/code/__torch__/m.py",
    b'class M(Module):\n  __parameters__ = ["w", ]\n  __buffers__ = []\n  training : bool\n',
)
OBJECT = b"\x80\2c__torch__.m\nM\n)\x81}(X\1\0\0\0w" + tensor() + b"X\5\0\0\0other" + tensor() + b"ub."
PARTS = [("a/constants.pkl", b"\x80\2)."), ("a/data/0", b"\0" * 16)]
SCRIPTS: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "no class": ([("a/data.pkl", OBJECT), *PARTS], "no tensor"),
    "a class that is no module": ([("a/data.pkl", OBJECT), ("a/code/__torch__/m.py", b"class M(NamedTuple):"), *PARTS],
                                  "no tensor"),
    "a module in itself": (
        [("a/data.pkl", b"\x80\2c__torch__.m\nM\n)\x81q\1}X\1\0\0\0wh\1sb."), CODE, *PARTS], "nested more than",
    ),
    "a call of the system": ([("a/data.pkl", a(b"cposix\nsystem\n(X\1\0\0\0xtR")), CODE, *PARTS], "posix.system"),
    "a missing storage": ([("a/data.pkl", OBJECT), CODE, PARTS[0]], "not in the archive"),
    "two pickles": ([("a/data.pkl", OBJECT), ("b/data.pkl", OBJECT), *PARTS], "no single data.pkl"),
    "no pickle": ([("a/constants.pkl", b"\x80\2).")], "no single data.pkl"),
}  # fmt: skip


def test_what_a_class_does_not_declare_is_no_weight(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(zip_with([("a/data.pkl", OBJECT), CODE, *PARTS]))
    assert list(open_checkpoint(path)) == ["w"]


@pytest.mark.parametrize("case", SCRIPTS)
def test_scripts_that_are_damaged(tmp_path: Path, case: str) -> None:
    entries, said = SCRIPTS[case]
    path = tmp_path / "m.pt"
    path.write_bytes(zip_with(entries))
    with bounded():
        refused(path, said)


def weights(row: Any, data: bytes = b"\0" * 24) -> bytes:
    config = json.dumps({"config": {"w": row}} if isinstance(row, dict) else row).encode()
    return zip_with([("e/archive_format", b"pt2"), ("e/data/weights/model_weights_config.json", config),
                     ("e/data/weights/w0", data)])  # fmt: skip


def entry(**changed: Any) -> dict[str, Any]:
    meta = {"dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}], "strides": [{"as_int": 3}, {"as_int": 1}],
            "storage_offset": {"as_int": 0}}  # fmt: skip
    return {"path_name": "w0", "use_pickle": False, "tensor_meta": meta | changed}


EXPORTS: dict[str, tuple[bytes, str]] = {
    "no weights": (zip_with([("e/archive_format", b"pt2")]), "without weights"),
    "no config": (weights([]), "not an object"),
    "a row of numbers": (weights({"tensor_meta": 3}), "not in the archive"),
    "a pickle": (weights(entry() | {"use_pickle": True}), "kept as a pickle"),
    "values elsewhere": (weights(entry() | {"path_name": "../../x"}), "not in the archive"),
    "an unknown dtype": (weights(entry(dtype=99)), "dtype"),
    "a dtype of text": (weights(entry(dtype="7")), "dtype"),
    "a shape past the end": (weights(entry(sizes=[{"as_int": 9}, {"as_int": 3}])), "outside its storage"),
    "an extent of exabytes": (weights(entry(sizes=[{"as_int": 1 << 60}, {"as_int": 3}])), "impossible shape"),
    "a symbolic extent": (weights(entry(sizes=[{"as_expr": "s0"}, {"as_int": 3}])), "impossible shape"),
    "negative strides": (weights(entry(strides=[{"as_int": -3}, {"as_int": 1}])), "impossible strides"),
    "an offset past the end": (weights(entry(storage_offset={"as_int": 99})), "element 99"),
    "values cut off": (weights(entry(), b"\0" * 20), "outside its storage"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXPORTS)
def test_exports_that_are_damaged(tmp_path: Path, case: str) -> None:
    data, said = EXPORTS[case]
    path = tmp_path / "m.pt2"
    path.write_bytes(data)
    with bounded(), pytest.raises(InputError, match=said):
        open_checkpoint(path)
