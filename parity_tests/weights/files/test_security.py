"""Files that mean harm or are damaged: refused in one line, in little memory, and nothing is half written."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.specs import NonLocal
from nlblocks.weights.files import Tensor, open_checkpoint, write_checkpoint
from nlblocks.weights.files.pickle_writer import integer, text, tuple_
from parity_tests.helpers.checkout import environment, python
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.hostile import (
    GOOD,
    STORED,
    bounded,
    entry_field,
    read_everything,
    refused,
    storage,
    tensor,
    torch_old,
    zip_with,
)  # fmt: skip
from parity_tests.helpers.tensors import stored


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        head = b"\x93NUMPY\1\0v\0" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % (50 << 20)
        archive.writestr("a.npy", head.ljust(127) + b"\n" + b"\0" * (50 << 20))
    assert path.stat().st_size < 1 << 20
    with bounded():
        refused(path, "zip bomb")


def test_a_deflated_entry_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "lie.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * (40 << 20))
    data = path.read_bytes().replace(struct.pack("<I", 40 << 20), struct.pack("<I", 1000))
    path.write_bytes(data)
    refused(path)


# Zips


def changed(change: Callable[[bytes], bytes]) -> bytes:
    return change(zip_with([GOOD, STORED]))


def npy(head: bytes, data: bytes = b"") -> bytes:
    """An .npz with one entry, ``a``."""
    head = head.ljust(117) + b"\n"
    return zip_with([("a.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data)])


ZIPS: dict[str, tuple[bytes, str]] = {
    "no data.pkl": (zip_with([STORED]), "and no weights"),
    "another archive before it": (zip_with([GOOD, STORED]) * 2, "not alone"),
    "two data.pkl": (zip_with([GOOD, ("b/data.pkl", b"."), STORED]), "no single data.pkl"),
    "a name twice": (zip_with([GOOD, STORED, STORED]), "twice"),
    "path traversal": (zip_with([GOOD, STORED, ("a/../../evil", b"x")]), "unsafe name"),
    "an absolute name": (zip_with([GOOD, STORED, ("/etc/passwd", b"x")]), "unsafe name"),
    "a backslash": (zip_with([GOOD, STORED, ("a\\..\\b", b"x")]), "unsafe name"),
    "a drive": (zip_with([GOOD, STORED, ("C:evil", b"x")]), "unsafe name"),
    "a missing storage": (zip_with([GOOD]), "not in the archive"),
    "a short storage": (zip_with([GOOD, ("a/data/0", b"\0" * 15)]), "15 bytes"),
    "a long storage": (zip_with([GOOD, ("a/data/0", b"\0" * 17)]), "17 bytes"),
    "big-endian": (zip_with([GOOD, STORED, ("a/byteorder", b"big")]), "big-endian"),
    "encrypted": (changed(lambda data: entry_field(data, 0, 8, b"\1\0")), "encrypted"),
    "an unknown method": (changed(lambda data: entry_field(data, 0, 10, b"\x63\0")), "method 99"),
    "a compressed torch entry": (
        changed(lambda data: entry_field(data, 0, 10, b"\10\0")),
        "compressed",
    ),
    "two sizes": (changed(lambda data: entry_field(data, 1, 24, b"\x11\0\0\0")), "two sizes"),
    "a size past the end": (
        changed(lambda data: entry_field(data, 1, 20, b"\0\0\0\1" * 2)),
        "past the data",
    ),
    "an offset past the end": (
        changed(lambda data: entry_field(data, 1, 42, b"\0\0\0\1")),
        "no entry is",
    ),
    "overlapping entries": (
        changed(lambda data: entry_field(data, 1, 42, b"\0\0\0\0")),
        "by another name",
    ),
    "another local name": (
        changed(lambda data: data.replace(b"a/data/0", b"a/data/1", 1)),
        "another name",
    ),
    "a zip64 mark without its field": (
        changed(lambda data: entry_field(data, 1, 24, b"\xff" * 4)),
        "zip64",
    ),
    "bytes after the end": (zip_with([GOOD, STORED]) + b"more", "end record"),
    "too many entries": (
        changed(lambda data: data[:-14] + b"\xff\0\xff\0" + data[-10:]),
        "directory",
    ),
    "a huge directory": (changed(lambda data: data[:-10] + b"\xf0" * 4 + data[-6:]), "directory"),
    "several disks": (changed(lambda data: data[:-18] + b"\1\0" + data[-16:]), "disks"),
    "an object array": (
        npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps(1)), "Python objects",
    ),
    "a .npy of nothing": (zip_with([("a.npy", b"")]), ".npy"),
    "a .npy header that is code": (npy(b"__import__('os').system('touch executed')"), ".npy header"),
    "a .npy of a huge shape": (
        npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }"), "impossible shape",
    ),
    "a .npy of another size": (
        npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", b"\0" * 16), "does not fit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ZIPS)
def test_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    data, name = ZIPS[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.zip"
    path.write_bytes(data)
    with bounded():
        refused(path, name)
    assert os.listdir(tmp_path) == ["evil.zip"]


def test_overlapping_zip_entries(tmp_path: Path) -> None:
    """Two directory entries of two names over the same bytes: the local header bears one name, so make room inside."""
    inner = b"PK\3\4" + b"\0" * 22 + struct.pack("<2H", 8, 0) + b"a/data/0" + b"\0" * 16
    data = zip_with([GOOD, ("a/x", inner), STORED])
    at = data.index(inner)
    data = entry_field(data, 2, 42, struct.pack("<I", at))
    (tmp_path / "evil.pth").write_bytes(data)
    refused(tmp_path / "evil.pth", "overlap")


# safetensors


def safe(rows: Any, data: bytes = b"\0" * 16, length: int | None = None) -> bytes:
    head = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


def row(dtype: Any = "F32", shape: Any = (4,), offsets: Any = (0, 16), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


SAFETENSORS: dict[str, bytes] = {
    "a header of exabytes": safe({"a": row()}, length=1 << 62),
    "a header past the end": safe({"a": row()}, length=500),
    "a header of nothing": safe(b"{}")[:8] + b"{" * 9,
    "a header too short": safe({"a": row()}, length=20),
    "a header cut in a character": safe(b'{"\xc3": 1}'),
    "no object": safe(b"{" + b"[" * 5000),
    "deep JSON": safe(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a flood of lists": safe(b'{"a":[' + b"[]," * 3_000_000 + b"0]}"),
    "a key twice": safe(b'{"a":%s,"a":%s}' % ((json.dumps(row()).encode(),) * 2)),
    "a field twice": safe(b'{"a":{"dtype":"F32","dtype":"F64","shape":[4],"data_offsets":[0,16]}}'),
    "overlap": safe({"a": row(), "b": row()}),
    "a gap": safe({"a": row(offsets=(0, 16)), "b": row(offsets=(20, 36))}, b"\0" * 36),
    "bytes that nobody owns": safe({"a": row()}, b"\0" * 20),
    "offsets past the end": safe({"a": row(shape=(8,), offsets=(0, 32))}),
    "negative offsets": safe({"a": row(offsets=(-16, 0))}),
    "offsets backwards": safe({"a": row(offsets=(16, 0))}),
    "offsets of text": safe({"a": row(offsets=("0", "16"))}),
    "offsets of true": safe({"a": row(dtype="U8", shape=(1,), offsets=(False, True))}, b"\0"),
    "one offset": safe({"a": row(offsets=(0,))}),
    "a shape that does not fit": safe({"a": row(shape=(5,))}),
    "a huge shape": safe({"a": row(shape=(1 << 60, 1 << 60))}),
    "a shape that overflows": safe({"a": row(shape=(1 << 32, 1 << 32, 4))}),
    "an empty tensor of huge extents": safe({"a": row(shape=(0, 1 << 47, 1 << 47), offsets=(0, 0))}, b""),
    "a negative shape": safe({"a": row(shape=(-4,))}),
    "a shape of floats": safe({"a": row(shape=(4.0,))}),
    "a shape of text": safe({"a": row(shape="4")}),
    "an unknown dtype": safe({"a": row(dtype="F128")}),
    "a dtype of a list": safe({"a": row(dtype=["F32"])}),
    "a field too many": safe({"a": row(code="import os")}),
    "a field too few": safe({"a": {"dtype": "F32", "shape": [4]}}),
    "a row of text": safe({"a": "F32"}),
    "metadata of numbers": safe({"a": row(), "__metadata__": {"x": 1}}),
    "metadata of text": safe({"a": row(), "__metadata__": "x"}),
    "nlblocks metadata that is damaged": safe({"a": row(), "__metadata__": {"nlblocks": "{"}}),
    "nlblocks metadata of another kind": safe({"a": row(), "__metadata__": {"nlblocks": '{"spec": 1}'}}),
    "no tensor": safe({}, b""),
}


@pytest.mark.parametrize("case", SAFETENSORS)
def test_safetensors(tmp_path: Path, case: str) -> None:
    path = tmp_path / "evil.safetensors"
    path.write_bytes(SAFETENSORS[case])
    with bounded():
        refused(path)


@pytest.mark.parametrize(("index", "message"), [
    ({"weight_map": {"a": "../secret.safetensors"}}, "beside the index"),
    ({"weight_map": {"a": "/etc/passwd"}}, "beside the index"),
    ({"weight_map": {"a": "..\\x"}}, "beside the index"),
    ({"weight_map": {"a": ".."}}, "beside the index"),
    ({"weight_map": {"a": "C:x"}}, "beside the index"),
    ({"weight_map": {"a": 7}}, "beside the index"),
    ({"weight_map": {"a": "x\n\x1b[31m"}}, "beside the index"),
    ({"weight_map": {"a": "x" * 300}}, "beside the index"),
    ({"weight_map": {"a": "m.safetensors.index.json"}}, "an index again"),
    ({"weight_map": {"a": "missing.safetensors"}}, "cannot be read"),
    ({"weight_map": {"b": "good.safetensors"}}, "not in the shard"),
    ({"weight_map": {"a": "good.safetensors"}}, "does not list"),
    ({"weight_map": {str(i): f"{i}.safetensors" for i in range(600)}}, "at most 512"),
    ({"weight_map": []}, "needs a weight_map"),
    ({}, "needs a weight_map"),
    ([], "not an object"),
    (b"[" * 100_000, "cannot be parsed"),
    (b'{"weight_map": {"a": "x", "a": "y"}}', "twice"),
    (b"", "cannot be parsed"),
])  # fmt: skip
def test_shard_indexes(tmp_path: Path, index: Any, message: str) -> None:
    two = {name: stored(np.ones(2, np.float32)) for name in ("a", "c")}
    write_checkpoint(tmp_path / "good.safetensors", two)
    path = tmp_path / "m.safetensors.index.json"
    path.write_bytes(index if isinstance(index, bytes) else json.dumps(index).encode())
    with pytest.raises(InputError, match=message) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [
    lambda path: None,
    lambda path: path.mkdir(),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"\x7fELF" * 9),
    lambda path: path.symlink_to(path),
])  # fmt: skip
def test_what_is_no_checkpoint(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    path = tmp_path / "x.pth"
    make(path)
    refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["x.pth", "x.index.json"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    code = f"from nlblocks.weights.files import open_checkpoint\nopen_checkpoint({str(tmp_path / name)!r})"
    os.mkfifo(tmp_path / name)
    done = python("-c", code, timeout=60)
    assert "not a regular file" in done.stderr


def test_what_inspect_shows_of_a_name_is_one_line(tmp_path: Path) -> None:
    spec = NonLocal(in_channels=6)
    state = {f"\x1b[31m\nx.{param.name}": stored(np.zeros(param.shape, np.float32)) for param in spec.params()}
    write_checkpoint(tmp_path / "m.safetensors", state | {"other": stored(np.zeros(1))})
    result = call(tmp_path / "m.safetensors", command=inspect, color=True)
    assert "at \\x1b[31m\\nx: NonLocal" in result.output
    assert "\x1b" not in result.output


# Damage


def whole_files(folder: Path) -> list[Path]:
    """A good file of every format."""
    stream = np.random.default_rng(0)
    state: dict[str, Tensor] = {
        f"layer.{index}.weight": stored(stream.normal(size=(7, 5, 3)).astype(np.float32)) for index in range(6)
    }
    for name in ("m.pth", "m.safetensors", "m.pdparams"):
        write_checkpoint(folder / name, state, spec={"kind": "x"})
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    np.savez(folder / "m.npz", **arrays)
    np.savez_compressed(folder / "c.npz", **arrays)
    keys = tuple(str(index) for index in range(len(state)))
    pickled = b"}(" + b"".join(
        text(name) + tensor(shape=tuple_(map(integer, (7, 5, 3))), strides=tuple_(map(integer, (15, 3, 1))),
                            of=storage(key=text(key), size=integer(105)))
        for key, name in zip(keys, state, strict=True)
    ) + b"u."  # fmt: skip
    old = torch_old(b"\x80\2" + pickled, keys)[: -8 - 16]
    old += b"".join(struct.pack("<q", 105) + array.tobytes() for array in arrays.values())
    (folder / "old.pth").write_bytes(old)
    return [folder / name for name in ("m.pth", "m.safetensors", "m.pdparams", "m.npz", "c.npz", "old.pth")]


def test_the_files_to_damage_are_whole(tmp_path: Path) -> None:
    for path in whole_files(tmp_path):
        assert len(open_checkpoint(path)) == 6


def test_truncation_at_every_64th(tmp_path: Path) -> None:
    for path in whole_files(tmp_path):
        data = path.read_bytes()
        note = len(data) - data.rfind(b'{"spec"') if path.suffix == ".pdparams" else 0
        for part in range(64):
            cut = len(data) * part // 64
            if cut >= len(data) - note > 0:
                continue  # the metadata after a whole pickle: nothing is missing but the spec
            short = tmp_path / f"short{path.suffix}"
            short.write_bytes(data[:cut])
            refused(short)
            result = call(short, tmp_path / "out.safetensors", command=convert)
            assert isinstance(result.exception, InputError)
            assert not [name for name in os.listdir(tmp_path) if "out" in name]


def test_flipped_bits(tmp_path: Path) -> None:
    """Any bit of a header may flip: the file is refused, or read, and nothing else happens."""
    stream = random.Random(0)
    messages: list[str] = []
    for path in whole_files(tmp_path):
        data = path.read_bytes()
        places = set(range(min(len(data), 400))) | set(range(max(0, len(data) - 200), len(data)))
        for place in sorted(stream.sample(sorted(places), 250)):
            flipped = bytearray(data)
            flipped[place] ^= 1 << stream.randrange(8)
            damaged = tmp_path / "damaged"
            damaged.write_bytes(flipped)
            try:
                read_everything(damaged)
            except InputError as error:
                messages.append(str(error))
    assert not [message for message in messages if "\n" in message]
    assert len(messages) > 400


# Killed


KILLED = """
import sys
from nlblocks.commands.files import convert
print("ready", flush=True)
while True:
    convert(sys.argv[1:], standalone_mode=False)
    print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize(("suffix", "old"), [(".pdparams", None), (".pth", b"old"), (".safetensors", b"old")])
def test_killed_at_random_points(tmp_path: Path, suffix: str, old: bytes | None) -> None:
    stream = random.Random(1)
    one = stored(np.arange(1 << 20, dtype=np.float32).reshape(2048, 512))
    write_checkpoint(tmp_path / "m.pth", {f"fc{index}.weight": one for index in range(12)})
    good = tmp_path / f"good{suffix}"
    output_of(convert, tmp_path / "m.pth", good)
    expected = zlib.crc32(good.read_bytes())
    outcomes = set()
    for _ in range(10):
        target = tmp_path / f"out{suffix}"
        target.unlink(missing_ok=True)
        if old is not None:
            target.write_bytes(old)
        command = [sys.executable, "-c", KILLED, str(tmp_path / "m.pth"), str(target)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(stream.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        if target.exists() and target.read_bytes() != old:
            assert zlib.crc32(target.read_bytes()) == expected
            outcomes.add("whole")
        else:
            assert target.exists() == (old is not None)
            outcomes.add("as before")
    assert outcomes
