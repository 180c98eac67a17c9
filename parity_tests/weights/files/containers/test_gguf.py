"""GGUF: floats are read, what is quantised is refused by its name, and no number in the file is believed."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from nlblocks.commands.files import inspect
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.hostile import bounded, refused

WEIGHT = np.arange(6, dtype="<f4").reshape(2, 3)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


ARCHITECTURE = pair("general.architecture", 8, text("llama"))
TOKENS = pair("tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b"))
SCORES = pair("scores", 9, struct.pack("<IQ", 6, 2) + b"\0" * 8)


def row(name: str = "w", shape: tuple[int, ...] = (2, 3), kind: int = 0, offset: int = 0) -> bytes:
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
    return text(name) + axes + struct.pack("<IQ", kind, offset)


def gguf(rows: list[bytes], data: bytes = WEIGHT.tobytes(), pairs: tuple[bytes, ...] = (), version: int = 3,
         counts: tuple[int, int] | None = None, alignment: int = 32) -> bytes:  # fmt: skip
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(rows), len(pairs)))) + b"".join((*pairs, *rows))
    return head + b"\0" * (-len(head) % alignment) + data


def test_tensors_are_read_as_they_lie(tmp_path: Path) -> None:
    half, brain = WEIGHT.astype("<f2"), (WEIGHT.view("<u4") >> 16).astype("<u2")
    data = WEIGHT.tobytes().ljust(32, b"\0") + half.tobytes().ljust(32, b"\0") + brain.tobytes()
    rows = [row(), row("h", kind=1, offset=32), row("b", kind=30, offset=64), row("s", (), offset=4)]
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(rows, data, (ARCHITECTURE, TOKENS, SCORES)))
    found = open_checkpoint(path)
    for name in ("w", "h", "b"):
        assert np.array_equal(found[name].numpy(), WEIGHT)
    assert found["s"].numpy() == 1
    said = output_of(inspect, path)
    assert "tokens = '2 values'" in said
    assert "reorders the rows of queries and keys" in said


def test_its_own_alignment_counts(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf([row()], pairs=(pair("general.alignment", 4, struct.pack("<I", 256)),), alignment=256))
    assert np.array_equal(open_checkpoint(path)["w"].numpy(), WEIGHT)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "quantised": (gguf([row(kind=12)]), "quantised as Q4_K"),
    "an unknown type": (gguf([row(kind=99)]), "type 99"),
    "big-endian": (gguf([row()], version=3 << 24), "version"),
    "version 1": (gguf([row()], version=1), "version 1"),
    "cut in the values": (gguf([row()])[:-1], "truncated"),
    "cut in the header": (gguf([row()])[:50], "truncated"),
    "nothing but the name": (b"GGUF\3\0\0\0", "truncated"),
    "a shape of exabytes": (gguf([row(shape=(1 << 60, 1 << 60))]), "impossible shape"),
    "a shape past the end": (gguf([row(shape=(200, 300))]), "truncated"),
    "an offset past the end": (gguf([row(offset=1 << 62)]), "truncated"),
    "a hundred axes": (gguf([row(shape=(1,) * 100)]), "100 axes"),
    "a name twice": (gguf([row(), row()]), "two tensors"),
    "endless tensors": (gguf([row()], counts=(1 << 62, 0)), "1000000 values"),
    "endless pairs": (gguf([row()], counts=(1, 1 << 62)), "1000000 values"),
    "an endless array": (gguf([row()], pairs=(pair("a", 9, struct.pack("<IQ", 6, 1 << 62)),)), "truncated"),
    "an endless array of texts": (gguf([row()], pairs=(pair("a", 9, struct.pack("<IQ", 8, 1 << 62)),)), "1000000"),
    "arrays of arrays": (gguf([row()], pairs=(pair("a", 9, struct.pack("<IQ", 9, 1)),)), "array of the type 9"),
    "a text of exabytes": (gguf([row()], pairs=(pair("a", 8, struct.pack("<Q", 1 << 62)),)), "a text of"),
    "an alignment of nothing": (gguf([row()], pairs=(pair("general.alignment", 4, b"\0" * 4),)), "alignment"),
    "an alignment of text": (gguf([row()], pairs=(pair("general.alignment", 8, text("x")),)), "alignment"),
    "no tensor": (gguf([]), "no tensor"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_lie(tmp_path: Path, case: str) -> None:
    data, said = HOSTILE[case]
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with bounded():
        refused(path, said)
