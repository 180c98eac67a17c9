"""Files that several threads write: the same bytes each time, whole or not at all, with one large tensor in memory."""

from __future__ import annotations

import os
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files import DTYPES, Made, Tensor, open_checkpoint, write_checkpoint
from nlblocks.weights.files import sink as sinks
from nlblocks.weights.files.limits import IN_FLIGHT, PIECE, SMALL
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Piece
from nlblocks.weights.made import joined, third, turned
from parity_tests.helpers.checkout import python
from parity_tests.helpers.tensors import stored

FLOAT = DTYPES["float32"]
SUFFIXES = ("pth", "pdparams", "safetensors")


def counted(*shape: int) -> Tensor:
    return stored(np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape))


def mixed() -> dict[str, Tensor]:
    """Many pieces and one, small and empty; turned, joined and plain; extents that no tile and no piece divides."""
    state: dict[str, Tensor] = {}
    for index in range(3):
        wide, high = counted(1031, 777 + index), counted(67, 30011)
        state[f"{index}.wide"], state[f"{index}.high"] = turned(wide), turned(high)
        state[f"{index}.long"] = turned(counted(30011, 67))
        state[f"{index}.plain"], state[f"{index}.bias"] = wide, counted(7)
        state[f"{index}.joined"] = joined([turned(third(counted(999, 333), part)) for part in range(3)])
        state[f"{index}.empty"], state[f"{index}.none"] = counted(0, 5), counted()
        state[f"{index}.limit"] = counted(SMALL // 4 + index)
    return state


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_bytes_do_not_depend_on_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, workers: int
) -> None:
    state = mixed()
    assert any(len(tensor.pieces()) > 3 for tensor in state.values())
    monkeypatch.setattr(sinks, "WORKERS", workers)
    write_checkpoint(tmp_path / f"first.{suffix}", state)
    stored = open_checkpoint(tmp_path / f"first.{suffix}")
    for name, tensor in state.items():
        assert stored[name].tobytes() == np.ascontiguousarray(tensor.raw()).tobytes(), name
    write_checkpoint(tmp_path / f"second.{suffix}", {name: stored[name] for name in state})
    assert (tmp_path / f"second.{suffix}").read_bytes() == (tmp_path / f"first.{suffix}").read_bytes()


def test_the_checksums_are_those_of_the_zip_format(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m.pth", mixed())
    with zipfile.ZipFile(tmp_path / "m.pth") as archive:
        assert archive.testzip() is None  # reads every entry with the standard library's own CRC-32


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_tensor_that_fails_in_a_thread_leaves_the_old_file(tmp_path: Path, suffix: str, place: str) -> None:
    def fail() -> Any:
        raise InputError("the source is damaged")

    bad = Made(FLOAT, (512, 512), fail)
    good = {name: counted(512, 512) for name in "abcd"}
    state = {"first": {"z": bad, **good}, "middle": {"a": good["a"], "z": bad, **good}, "last": {**good, "z": bad}}
    target = tmp_path / f"m.{suffix}"
    write_checkpoint(target, {"old": counted(3)})
    before = target.read_bytes()
    with pytest.raises(InputError, match="the source is damaged"):
        write_checkpoint(target, state[place])
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == [target.name]


@dataclass(frozen=True, slots=True)
class Watched(Tensor):
    """A tensor that says when it is begun and given back."""

    log: list[str] = field(default_factory=list)
    make: Callable[[memoryview], memoryview] = lambda memory: memory

    def raw(self) -> Any:
        raise AssertionError("pieces are enough")

    def pieces(self) -> list[Piece]:
        self.log.append("begun")
        return [Piece(min(PIECE, self.nbytes - at), self.make) for at in range(0, self.nbytes, PIECE)]

    def release(self) -> None:
        self.log.append("given back")


def test_two_large_tensors_are_never_under_way_together(tmp_path: Path) -> None:
    log: list[str] = []
    large = Watched(FLOAT, (IN_FLIGHT // 4,), log)
    write_checkpoint(tmp_path / "m.pdparams", dict.fromkeys("abcd", large))
    assert log == ["begun", "given back"] * 4
    log.clear()
    write_checkpoint(tmp_path / "m.pdparams", dict.fromkeys("abcd", Watched(FLOAT, (IN_FLIGHT // 16,), log)))
    assert log == ["begun"] * 4 + ["given back"] * 4


def test_a_piece_of_another_size_is_refused(tmp_path: Path) -> None:
    short = Watched(FLOAT, (SMALL,), make=lambda memory: memory[1:])
    with pytest.raises(InputError, match=f"piece of {SMALL * 4} bytes has {SMALL * 4 - 1}; nothing was written"):
        write_checkpoint(tmp_path / "m.pdparams", {"a": short})
    assert not os.listdir(tmp_path)


def test_progress_comes_in_the_calling_thread_and_adds_up(tmp_path: Path) -> None:
    state, moved = mixed(), []

    def count(size: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        moved.append(size)

    write_checkpoint(tmp_path / "m.pth", state, moved=count)
    assert sum(moved) == sum(tensor.nbytes for tensor in state.values())


FULL = """
import resource, signal, sys
from parity_tests.weights.files.test_sink import counted
from nlblocks.errors import InputError
from nlblocks.weights.files import write_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    write_checkpoint(sys.argv[1], {name: counted(1024, 1024) for name in "abcd"})
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on a file's size is Linux's")
@pytest.mark.parametrize("limit", [10, 5 << 20, (16 << 20) + 100])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    done = python("-c", FULL, tmp_path / "m.pth", limit)
    assert done.stdout == f"{tmp_path / 'm.pth'}: cannot be written: File too large\n"
    assert not os.listdir(tmp_path)


def test_leaving_on_an_error_waits_for_the_threads(tmp_path: Path) -> None:
    before = threading.active_count()

    def interrupted() -> None:
        with (tmp_path / "m").open("wb") as file, Sink(file) as sink:
            sink.tensor(counted(1024, 1024))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threading.active_count() == before
