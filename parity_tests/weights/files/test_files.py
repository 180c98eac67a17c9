"""Checkpoint files: what the frameworks write is read, what is written the frameworks read, bit for bit."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.weights.files import DTYPES, Made, Tensor, in_memory, open_checkpoint, write_checkpoint, zip_writer
from parity_tests.helpers.checkout import PUBLISHED, python
from parity_tests.helpers.tensors import bits, stored

PADDLE_DTYPES = [name for name, dtype in DTYPES.items() if dtype.paddle]


def tensors(names: list[str], seed: int = 0) -> dict[str, Tensor]:
    """One tensor of random bits a dtype, and the awkward shapes."""
    stream = np.random.default_rng(seed)
    made: dict[str, Tensor] = {}
    for name in names:
        bits = DTYPES[name].bits
        data = stream.integers(0, 256, 15 * bits.itemsize, dtype=np.uint8)
        data = data % 2 if name == "bool" else data
        made[name] = in_memory(data.view(bits).reshape(3, 5), DTYPES[name])
    made["scalar"] = stored(np.array(3.5, np.float32))
    made["empty"] = stored(np.zeros((0, 3), np.float32))
    made["name with spaces.ünïcode"] = stored(np.arange(4, dtype=np.int64))
    return made


@pytest.mark.parametrize(("suffix", "names"), [
    (".pth", list(DTYPES)),
    (".safetensors", [name for name, dtype in DTYPES.items() if dtype.safetensors]),
    (".pdparams", PADDLE_DTYPES),
])  # fmt: skip
def test_every_dtype_survives_a_round_trip(tmp_path: Path, suffix: str, names: list[str]) -> None:
    expected = tensors(names)
    path = tmp_path / f"model{suffix}"
    assert write_checkpoint(path, expected) == [path]
    found = open_checkpoint(path)
    assert list(found) == list(expected)
    assert all(bits(found[name]) == bits(tensor) for name, tensor in expected.items())
    first = path.read_bytes()
    write_checkpoint(path, found)  # over itself, from itself
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("new_format", [True, False])
def test_torch_files_are_read_and_written_bit_for_bit(tmp_path: Path, require: Any, new_format: bool) -> None:
    require("torch")
    import torch

    names = list(DTYPES) if new_format else [name for name, dtype in DTYPES.items() if dtype.storage]
    stream = torch.Generator().manual_seed(0)
    state = {
        name: torch.randint(0, 256, (3, 5 * DTYPES[name].size), dtype=torch.uint8, generator=stream)
        .bitwise_and(1 if name == "bool" else 255)
        .view(getattr(torch, name))
        for name in names
    }
    base = torch.arange(24.0)
    state |= {
        "turned": base.reshape(4, 6).t(), "window": base[3:9], "strided": base[::2], "scalar": torch.tensor(2.0),
        "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(base.clone()), "tied": base,
    }  # fmt: skip
    path = tmp_path / "model.pth"
    content = {"model": state, "epoch": 3, "best": np.float64(0.5), "optimizer": {"state": {0: {"m": base}}}}
    torch.save(content, path, _use_new_zipfile_serialization=new_format)

    found = open_checkpoint(path)
    assert (found.key, found.layout, found.others) == ("model", "torch", {"epoch": 3, "best": 0.5})
    assert list(open_checkpoint(path, key="optimizer")) == ["state.0.m"]
    write_checkpoint(tmp_path / "back.pth", found)
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert list(back) == list(state)
    for name, tensor in state.items():
        assert (back[name].dtype, back[name].shape) == (tensor.dtype, tensor.shape), name
        expected = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        assert torch.equal(back[name].reshape(-1).view(torch.uint8), expected), name


def test_safetensors_own_library_reads_what_is_written(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch
    from safetensors.torch import load_file

    expected = tensors([name for name, dtype in DTYPES.items() if dtype.safetensors])
    write_checkpoint(tmp_path / "a.safetensors", expected)
    found = load_file(tmp_path / "a.safetensors")
    for name, tensor in expected.items():
        assert str(found[name].dtype) == f"torch.{tensor.dtype.name}"
        assert found[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() == tensor.tobytes()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_paddle_files_are_read_and_written_bit_for_bit(tmp_path: Path, require: Any, protocol: int) -> None:
    require("paddle")
    import paddle

    expected = tensors(PADDLE_DTYPES)
    write_checkpoint(tmp_path / "model.pdparams", expected)
    loaded = paddle.load(str(tmp_path / "model.pdparams"))
    assert list(loaded) == list(expected)
    for name, tensor in expected.items():
        value = loaded[name]
        assert (str(value.dtype), tuple(value.shape)) == (f"paddle.{tensor.dtype.name}", tensor.shape)
        array = value.view("int16").numpy() if tensor.dtype.name == "bfloat16" else value.numpy()
        assert array.tobytes() == tensor.tobytes(), name

    if protocol < 4:
        loaded.pop("name with spaces.ünïcode")
    paddle.save(loaded, str(tmp_path / "again.pdparams"), protocol=protocol)
    again = open_checkpoint(tmp_path / "again.pdparams")
    assert list(again) == list(loaded)
    assert all(bits(tensor) == bits(expected[name]) for name, tensor in again.items())


def test_paddle_layers_and_optimisers_are_read(tmp_path: Path, require: Any) -> None:
    require("paddle")
    import paddle

    layer = paddle.nn.Sequential(paddle.nn.Linear(3, 2), paddle.nn.LayerNorm(2))
    adam = paddle.optimizer.Adam(parameters=layer.parameters(), learning_rate=paddle.optimizer.lr.StepDecay(0.1, 3))
    layer(paddle.ones([4, 3])).sum().backward()
    adam.step()
    paddle.save(layer.state_dict(), str(tmp_path / "layer.pdparams"))
    paddle.save(adam.state_dict(), str(tmp_path / "layer.pdopt"))
    weights, moments = open_checkpoint(tmp_path / "layer.pdparams"), open_checkpoint(tmp_path / "layer.pdopt")
    assert weights.layout == "paddle"
    for name, value in layer.state_dict().items():
        assert np.array_equal(weights[name].numpy(), value.numpy())
    assert moments.others["LR_Scheduler.last_lr"] == 0.1
    for name, value in adam.state_dict().items():
        if name != "LR_Scheduler":
            assert np.array_equal(moments[name].numpy(), value.numpy())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: Any) -> None:
    arrays = {
        "a": np.arange(12.0).reshape(3, 4), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.array([1, 2], ">i4"), "scalar": np.array(2.5), "flag": np.array([True, False]),
    }  # fmt: skip
    save(tmp_path / "a.npz", **arrays, text=np.array("hello"))
    found = open_checkpoint(tmp_path / "a.npz")
    assert set(found) == set(arrays)
    assert list(found.others) == ["text"]
    for name, array in arrays.items():
        assert np.array_equal(found[name].numpy(), array)
        assert found[name].shape == array.shape


def test_bfloat16_is_widened_exactly_and_kept_in_files(tmp_path: Path) -> None:
    raw = np.arange(0, 1 << 16, 7, dtype=np.uint16)
    tensor = in_memory(raw, DTYPES["bfloat16"])
    assert np.array_equal(tensor.numpy().view(np.uint32) >> 16, raw)
    assert not (tensor.numpy().view(np.uint32) & 0xFFFF).any()
    for suffix in (".pth", ".safetensors", ".pdparams"):
        write_checkpoint(tmp_path / f"b{suffix}", {"b": tensor})
        assert bits(open_checkpoint(tmp_path / f"b{suffix}")["b"]) == bits(tensor)


# Which tensors


def nested(tmp_path: Path, content: Any, protocol: int = 4) -> Path:
    import pickle

    path = tmp_path / "nested.pdparams"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


ONE, TWO = np.ones(2), np.full(2, 2.0)


@pytest.mark.parametrize(("content", "key", "expected"), [
    ({"w": ONE}, None, {"w"}),
    ({"state_dict": {"w": ONE}, "epoch": 1}, None, {"w"}),
    ({"model": {"state_dict": {"a": {"w": ONE}}}}, None, {"w"}),
    ({"model": {"w": ONE}, "optimizer": {"m": TWO}, "lr_scheduler": {"x": TWO}}, None, {"w"}),
    ({"model": {"w": ONE}, "ema": {"w": TWO}}, "ema", {"w"}),
    ({"model": {"w": ONE}, "ema": {"w": TWO}}, "", {"model.w", "ema.w"}),
    ({"a.b": {"w": ONE}}, "a.b", {"w"}),
    ({"layers": [ONE, TWO]}, None, {"0", "1"}),
])  # fmt: skip
def test_the_weights_are_found(tmp_path: Path, content: Any, key: str | None, expected: set[str]) -> None:
    assert set(open_checkpoint(nested(tmp_path, content), key)) == expected


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    arrays = {
        "plain": np.arange(6.0).reshape(2, 3), "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big": np.array([1, 2], ">i4"), "scalar": np.array(2.5),
        "long": np.arange(200_000.0), "empty": np.zeros((2, 0)),
    }  # fmt: skip
    if protocol == 0:
        del arrays["long"]  # a text line of megabytes, which is refused
    numbers = {"best": np.float32(0.25), "count": 7, "text": "é", "list": [1, (2, None)], "z": 1j}
    found = open_checkpoint(nested(tmp_path, {"w": arrays, **numbers}, protocol))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert np.array_equal(found[name].numpy(), array)
        assert found[name].shape == array.shape
    assert (found.others["best"], found.others["text"], found.others["list.1.0"]) == (0.25, "é", 2)


def test_several_sets_of_weights_are_a_question(tmp_path: Path) -> None:
    path = nested(tmp_path, {"model": {"w": ONE}, "ema": {"w": TWO}})
    with pytest.raises(InputError, match=r"choose one with key \(--key\): 'model', 'ema'"):
        open_checkpoint(path)
    with pytest.raises(InputError, match=r"key='emma' holds no tensors; at the top there are 'ema', 'model'"):
        open_checkpoint(path, "emma")
    with pytest.raises(InputError, match="no tensor in the file"):
        open_checkpoint(nested(tmp_path, {"epoch": 1}))


@pytest.mark.parametrize(("names", "prefix"), [
    (["module.a", "module.b"], "module."),
    (["_orig_mod.module.a"], "_orig_mod.module."),
    (["_layers.a", "_layers.b.c"], "_layers."),
    (["module.a", "b"], ""),
    (["module."], ""),
])  # fmt: skip
def test_wrapper_prefixes(tmp_path: Path, names: list[str], prefix: str) -> None:
    write_checkpoint(tmp_path / "a.safetensors", {name: stored(ONE) for name in names})
    assert open_checkpoint(tmp_path / "a.safetensors").prefix == prefix


def test_shards_in_and_out(tmp_path: Path) -> None:
    expected = tensors(["float32", "bfloat16", "int8", "float64"])
    files = write_checkpoint(tmp_path / "m.safetensors", expected, shard_bytes=100, record={"x": 1})
    assert files[-1].name == "m.safetensors.index.json"
    assert len(files) > 3
    found = open_checkpoint(files[-1])
    assert list(found) == list(expected)
    assert all(bits(found[name]) == bits(tensor) for name, tensor in expected.items())
    assert found.record == {"x": 1}
    with pytest.raises(InputError, match="not written over another"):
        write_checkpoint(tmp_path / "m.safetensors", expected, shard_bytes=100)


# Writing


class Broken(Exception):
    pass


def broken() -> Any:
    raise Broken


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pdparams"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"old")
    good = stored(np.ones(1000))
    with pytest.raises(Broken):
        write_checkpoint(path, {"a": good, "b": Made(DTYPES["float64"], (2,), broken)})
    with pytest.raises(InputError, match="declared float64"):
        write_checkpoint(path, {"a": good, "b": Made(DTYPES["float64"], (2,), lambda: np.ones(3))})
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(("name", "message"), [
    ("m.onnx", "must end in"),
    ("missing/m.pth", "cannot be written"),
])  # fmt: skip
def test_impossible_destinations(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_checkpoint(tmp_path / name, tensors(["float32"]))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pdparams"])
def test_half_characters_in_names(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="half a character"):
        write_checkpoint(tmp_path / f"model{suffix}", {"\ud800": stored(np.ones(1))})
    assert not os.listdir(tmp_path)


def test_dtypes_that_a_format_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"odd is uint32, which Paddle cannot load"):
        write_checkpoint(tmp_path / "m.pdparams", {"odd": stored(np.ones(2, np.uint32))})
    with pytest.raises(InputError, match=r"odd is complex128, which safetensors has not"):
        write_checkpoint(tmp_path / "m.safetensors", {"odd": stored(np.ones(2, complex))})
    assert os.listdir(tmp_path) == []


def test_zip64_records_are_written_where_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code with the limit lowered, so that a small file takes the way of one past 4 GiB."""
    real = zip_writer.struct.pack

    def pack(layout: str, *values: Any) -> bytes:
        if layout in ("<5H3I", "<5H2I", "<4H2IH"):  # fields of 32 bits hold the mark of a full field
            values = tuple(0xFFFFFFFF if value == 1000 else value for value in values)
        return real(layout, *values)

    monkeypatch.setattr(zip_writer, "_FULL32", 1000)
    monkeypatch.setattr(zip_writer, "struct", type("struct", (), {"pack": staticmethod(pack)}))
    expected = {name: stored(np.full(500, index, np.float64)) for index, name in enumerate("abc")}
    write_checkpoint(tmp_path / "m.pth", expected)
    monkeypatch.undo()
    assert b"PK\6\6" in (tmp_path / "m.pth").read_bytes()
    found = open_checkpoint(tmp_path / "m.pth")
    assert all(bits(found[name]) == bits(tensor) for name, tensor in expected.items())
    if "torch" in nlblocks.installed():
        import torch

        assert torch.load(tmp_path / "m.pth", weights_only=True)["c"].tolist() == [2.0] * 500


MEASURE = """
import sys
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import open_checkpoint, write_checkpoint
def peak():
    status = open("/proc/self/status").read()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
source, destination = sys.argv[1:]
checkpoint = open_checkpoint(source)
planned = plan(checkpoint.tensors, Options(source="torch", target="paddle"))
before = peak()
write_checkpoint(destination, planned.tensors, layout="paddle")
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_peak_memory_is_the_largest_tensor_not_the_file(tmp_path: Path) -> None:
    one = 8 << 20
    weight = stored(np.ones((one // 4096, 1024), np.float32))
    bias = stored(np.ones(one // 4096, np.float32))
    state = {f"fc{i}.{leaf}": value for i in range(16) for leaf, value in (("weight", weight), ("bias", bias))}
    write_checkpoint(tmp_path / "m.pth", state)
    assert (tmp_path / "m.pth").stat().st_size > 16 * one
    for name in ("m.pdparams", "m.safetensors"):
        done = python("-c", MEASURE, tmp_path / "m.pth", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) * 1024 < 2 * one + (16 << 20)  # the tensor, its transpose, and buffers


def test_reading_and_converting_import_no_framework(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m.pth", tensors(["float32"]))
    code = (
        "import sys\nfrom nlblocks.commands.files import convert\n"
        "convert(sys.argv[1:], standalone_mode=False)\n"
        "found = {'torch', 'paddle', 'ml_dtypes'} & set(sys.modules)\nsys.exit(', '.join(found) or 0)"
    )
    done = python("-c", code, tmp_path / "m.pth", tmp_path / "m.safetensors")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.safetensors").exists()


def test_reading_needs_numpy_and_safetensors_only(tmp_path: Path) -> None:
    names = [f"m.{suffix}" for suffix in ("pth", "pdparams", "safetensors")]
    for name in names:
        write_checkpoint(tmp_path / name, tensors(["float32"]))
    blocked = "sys.modules.update(dict.fromkeys(['torch', 'paddle', 'zlib_ng', 'click', 'rich']))"
    read = "[t.tobytes() for path in sys.argv[1:] for t in open_checkpoint(path).values()]"
    code = f"import sys; {blocked}; from nlblocks.weights.files import open_checkpoint; {read}"
    done = python("-c", code, *(tmp_path / name for name in names))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoint is another project's data")
def test_the_published_checkpoint(tmp_path: Path) -> None:
    found = open_checkpoint(PUBLISHED / "net.pth")
    assert (len(found), found.prefix, found.nbytes) == (51, "module.", 1608720)
    spec = nlblocks.specs.DigitNet()
    assert nlblocks.load(PUBLISHED / "net.pth", backend="reference", spec=spec, dialect="alexhex7").spec == spec
