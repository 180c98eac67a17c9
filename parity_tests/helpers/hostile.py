"""Checkpoint files that mean harm, and the checks that they are refused: in one line, cheaply, with nothing done."""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.files.pickle_writer import global_, integer, text, tuple_
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.torch_file import MAGIC
from nlblocks.weights.files.zip_writer import ZipWriter

MEMORY = 64 << 20


@contextmanager
def bounded(seconds: float = 30.0) -> Iterator[None]:
    """What runs inside stays within MEMORY bytes and a few seconds of this process."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert time.process_time() - start < seconds


def read_everything(path: Path) -> None:
    """Open a file and read every tensor in it."""
    for tensor in open_checkpoint(path, "").values():
        tensor.tobytes()


def refused(path: Path, *parts: str) -> str:
    """The one-line error of reading a file."""
    with pytest.raises(InputError) as caught:
        read_everything(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for part in parts:
        assert part in message
    return message


# How a pickle gets into a file: the torch zip, the old torch format, the .pdparams


def torch_zip(pickled: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with Sink(out) as sink:
        archive = ZipWriter(sink, "archive/")
        archive.add("data.pkl", pickled)
        for key, data in ({"0": b"\0" * 16} if storages is None else storages).items():
            archive.add(f"data/{key}", data)
        archive.close()
    return out.getvalue()


def torch_old(pickled: bytes, keys: tuple[str, ...] = ("0",)) -> bytes:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = MAGIC + pickle.dumps(1001, 2) + pickle.dumps(system, 2)
    return head + pickled + pickle.dumps(list(keys), 2) + struct.pack("<q", 4) + b"\0" * 16


def paddle(pickled: bytes) -> bytes:
    return pickled if pickled[:1] == b"\x80" else b"\x80\2" + pickled


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {"pth": torch_zip, "old": torch_old, "pdparams": paddle}


def a(value: bytes) -> bytes:
    """A dict with one entry, protocol 2."""
    return b"\x80\2}" + text("a") + value + b"s."


TOUCH = "touch executed"
REDUCE = b"(" + text(TOUCH) + b"tR"
OS = global_("posix", "system")
TENSOR = global_("torch._utils", "_rebuild_tensor_v2")
FLOATS = global_("torch", "FloatStorage")
ARRAY = global_("numpy.core.multiarray", "_reconstruct") + global_("numpy", "ndarray") + b"K\0\x85C\1b\x87R"
DTYPE = global_("numpy", "dtype") + text("f4") + b"\x89\x88\x87R"


def storage(
    kind: bytes = FLOATS, key: bytes = text("0"), size: bytes = integer(4), tag: bytes = text("storage")
) -> bytes:
    return tuple_([tag, kind, key, text("cpu"), size]) + b"Q"


def tensor(
    offset: bytes = integer(0), shape: bytes = tuple_([integer(4)]), strides: bytes = tuple_([integer(1)]),
    of: bytes | None = None,
) -> bytes:  # fmt: skip
    ordered = global_("collections", "OrderedDict") + b")R"
    return TENSOR + tuple_([storage() if of is None else of, offset, shape, strides, b"\x89", ordered]) + b"R"


def array(shape: bytes = tuple_([integer(2)]), dtype: bytes = DTYPE, data: bytes = b"C\10" + b"\0" * 8) -> bytes:
    return ARRAY + b"(K\1" + shape + dtype + b"\x89" + data + b"tb"


def zip_with(entries: list[tuple[str, bytes]], change: Callable[[bytes], bytes] = lambda data: data) -> bytes:
    out = io.BytesIO()
    with Sink(out) as sink:
        archive = ZipWriter(sink, "")
        for name, data in entries:
            archive.add(name, data)
        archive.close()
    return change(out.getvalue())


GOOD = ("a/data.pkl", a(tensor()))
STORED = ("a/data/0", b"\0" * 16)


def entry_field(data: bytes, index: int, offset: int, value: bytes) -> bytes:
    """The data with a field of the ``index``-th directory entry replaced."""
    at = -1
    for _ in range(index + 1):
        at = data.index(b"PK\1\2", at + 1)
    return data[: at + offset] + value + data[at + offset + len(value) :]
