"""Programs and streams of Paddle's that mean harm or are damaged: refused in one line, in little memory and time."""

from __future__ import annotations

import json
import pickle
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.hostile import bounded, read_everything, refused
from parity_tests.helpers.protobuf import lod_tensor, message, number, operator, program, variable, varint

TWO = np.arange(2, dtype="f4").tobytes()
RELU = operator("relu", X="x")
GOOD = program(variable("b"), variable("a"), RELU)
STREAM = lod_tensor((2,), TWO) + lod_tensor((2,), TWO[::-1])


def saved(folder: Path, stream: bytes = STREAM, described: bytes = GOOD, info: Any = None) -> Path:
    (folder / "m.pdiparams").write_bytes(stream)
    (folder / "m.pdmodel").write_bytes(described)
    if info is not None:
        (folder / "m.pdiparams.info").write_bytes(info if isinstance(info, bytes) else pickle.dumps(info, 2))
    return folder / "m.pdiparams"


def test_a_good_one_is_read_in_the_sorted_order_of_its_names(tmp_path: Path) -> None:
    found = open_checkpoint(saved(tmp_path))
    assert list(found) == ["a", "b"]
    assert found["a"].tobytes() == TWO
    assert found["b"].tobytes() == TWO[::-1]


STREAMS: dict[str, tuple[bytes, str]] = {
    "cut in the values": (STREAM[:-1], "truncated"),
    "cut in the head": (STREAM[:40], "truncated"),
    "cut in the description": (STREAM[:22], "truncated"),
    "bytes after the last": (STREAM + b"\0", "truncated"),
    "one tensor too few": (lod_tensor((2,), TWO), "1 tensors, and the program beside it names 2"),
    "one tensor too many": (STREAM * 2, "4 tensors"),
    "an extent of exabytes": (lod_tensor((1 << 62,), TWO), "impossible shape"),
    "extents whose product is huge": (lod_tensor((1 << 40, 1 << 40), TWO), "impossible shape"),
    "a negative extent": (lod_tensor((-2,), TWO), "impossible shape"),
    "a hundred axes": (lod_tensor((1,) * 100, TWO), "at most 32"),
    "an unknown dtype": (lod_tensor((2,), TWO, dtype=7), "dtype number 7"),
    "no dtype": (b"\0" * 16 + struct.pack("<i", 2) + message(9) + TWO, ""),
    "a negative description": (b"\0" * 16 + struct.pack("<i", -1) + b"\x08" * 9, ""),
    "a description of a gigabyte": (lod_tensor((2,), TWO) + b"\0" * 16 + struct.pack("<i", 1 << 30), "begins like"),
    "endless levels": (lod_tensor((2,), TWO) + lod_tensor((2,), TWO, levels=struct.pack("<Q", 1 << 60)), "begins like"),
    "a level past the end": (
        lod_tensor((2,), TWO) + lod_tensor((2,), TWO, levels=struct.pack("<QQ", 1, 1 << 60)), "truncated",
    ),
    "a varint without an end": (
        b"\0" * 16 + struct.pack("<i", 13) + number(1, 5) + b"\x10" + b"\xff" * 10 + TWO, "protobuf",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STREAMS)
def test_streams(tmp_path: Path, case: str) -> None:
    data, said = STREAMS[case]
    path = saved(tmp_path, data)
    with bounded():
        refused(path, said)


def kept(typed: bytes, name: bytes = b"a") -> bytes:
    return message(3, message(1, name), message(2, typed), number(3, 1))


PROGRAMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"\n\0", "no operators"),
    "no operators": (program(variable("a"), variable("b")), "no operators"),
    "another message": (number(1, 7), "no operators"),
    "text": (b"hello, this is no program at all", "protobuf"),
    "a length past the end": (GOOD[:-1], "protobuf"),
    "a length of exabytes": (b"\n" + varint(1 << 62) + b"x", "protobuf"),
    "a group": (b"\x0b" * 9, "protobuf"),
    "a field without a number": (varint(2) + varint(1) + b"x", "protobuf"),
    "a name twice": (program(variable("a"), variable("a"), RELU), "two tensors called a"),
    "a name of nothing": (program(variable(""), RELU), "two tensors called"),
    "a name that is no text": (program(kept(number(1, 7), b"\xff\xfe"), RELU), "protobuf"),
    "another shape": (program(variable("a", (3,)), variable("b"), RELU), "belong together"),
    "another dtype": (program(variable("a", dtype=3), variable("b"), RELU), "belong together"),
    "a flood of fields": (program(RELU, b"\x08\x01" * 50_000), "fields"),
    "a flood of packed numbers": (
        program(kept(number(1, 7) + message(3, message(1, message(2, b"\1" * 50_000)))), RELU), "fields",
    ),
    "a bomb of nested blocks": (program(RELU, *[message(3, b"")] * 10_000), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    data, said = PROGRAMS[case]
    monkeypatch.setattr("nlblocks.weights.files.containers.wire.MAX_FIELDS", 40_000)
    saved(tmp_path, described=data)
    with bounded(), pytest.raises(InputError) as caught:
        read_everything(tmp_path / "m.pdmodel")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def pir(*rows: Any, **more: Any) -> bytes:
    blocks = [{"ops": list(rows)}]
    return json.dumps({"base_code": {"magic": "pir"}, "program": {"regions": [{"blocks": blocks}]}, **more}).encode()


def parameter(name: Any, shape: Any = (2,), place: int = 1) -> dict[str, Any]:
    return {"#": "p", "A": [0, name], "O": {"%": place, "TT": {"D": [{"#": "0.t_f32"}, list(shape)]}}}


OP = {"#": "1.relu", "I": [{"%": 1}], "O": [{"%": 3}]}
DEEP = b'{"base_code":{"magic":"pir"},"program":' + b'{"regions":[' * 200 + b"0" + b"]}" * 200 + b"}"
JSONS: dict[str, tuple[bytes, str]] = {
    "no program": (json.dumps({"base_code": {"magic": "pir"}}).encode(), "no operators"),
    "a program of text": (pir(program="x"), "no operators"),
    "regions of numbers": (pir(program={"regions": [1, None, "x", {"blocks": 3}]}), "no operators"),
    "rows of nothing": (pir({}, {"#": 3}, {"#": None}), "no operators"),
    "deep regions": (DEEP, "nested more than 64 deep"),
    "deep JSON": (b'{"base_code":{"magic":"pir"},"a":' + b"[" * 100_000, "cannot be parsed"),
    "a flood of lists": (b'{"base_code":{"magic":"pir"},"a":[' + b"[]," * 3_000_000 + b"0]}", "lists"),
    "a name twice": (pir(parameter("a"), parameter("a"), OP), "two tensors called a"),
    "a name of a list": (pir(parameter(["a"]), OP), "two tensors called"),
    "a shape of text": (pir(parameter("a", "xy"), parameter("b", (3,)), OP), "belong together"),
    "values of text": (
        pir(parameter("a"), {"#": "1.matmul", "I": "x", "O": {"%": []}, "A": [3, {"N": []}]}), "names 1",
    ),
    "attributes of lists": (
        pir(parameter("a"), {"#": "1.data", "A": [{"N": "name", "AT": [1]}], "I": [{"%": "x"}]}), "names 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", JSONS)
def test_programs_in_json(tmp_path: Path, case: str) -> None:
    data, said = JSONS[case]
    saved(tmp_path)
    (tmp_path / "m.pdmodel").unlink()
    (tmp_path / "m.json").write_bytes(data)
    with bounded(), pytest.raises(InputError) as caught:
        read_everything(tmp_path / "m.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("info", [
    {"a": {"structured_name": "x"}, "b": {"structured_name": "x"}},
    {"a": {"structured_name": 3}, "b": 4, 5: {}},
    ["a"],
    {"a": {"structured_name": ""}},
])  # fmt: skip
def test_names_of_layers_that_are_none_change_nothing(tmp_path: Path, info: Any) -> None:
    assert list(open_checkpoint(saved(tmp_path, info=info))) == ["a", "b"]


def test_names_of_layers_that_run_something(tmp_path: Path) -> None:
    saved(tmp_path, info=b"cposix\nsystem\n(S'touch executed'\ntR.")
    refused(tmp_path / "m.pdiparams.info", "posix.system")


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "x/../../a"])
def test_a_variable_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "a").write_bytes(lod_tensor((2,), TWO))
    (folder / "__model__").write_bytes(program(variable(name), RELU))
    refused(folder, "outside of the folder")


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(lod_tensor((2,), TWO))
    (folder / "a").symlink_to(tmp_path / "secret")
    (folder / "__model__").write_bytes(program(variable("a"), RELU))
    refused(folder, "outside of the folder")


def test_flipped_bytes(tmp_path: Path) -> None:
    """Any byte may be another: the model is refused, or read."""
    stream = random.Random(0)
    messages = []
    for file in ("m.pdiparams", "m.pdmodel"):
        for _ in range(100):
            path = saved(tmp_path)
            damaged = bytearray((tmp_path / file).read_bytes())
            damaged[stream.randrange(len(damaged))] = stream.randrange(256)
            (tmp_path / file).write_bytes(damaged)
            try:
                read_everything(path)
            except InputError as error:
                messages.append(str(error))
    assert len(messages) > 30
    assert not [message for message in messages if "\n" in message]
