"""Pickles that mean harm, in torch's two formats and in Paddle's: refused by name or inert, and nothing is executed."""

from __future__ import annotations

import functools
import os
import pickle
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.weights.files.pickle_writer import global_, integer, text, tuple_
from parity_tests.helpers.hostile import (
    ARRAY,
    CONTAINERS,
    DTYPE,
    FLOATS,
    OS,
    REDUCE,
    TENSOR,
    TOUCH,
    a,
    array,
    bounded,
    paddle,
    read_everything,
    refused,
    storage,
    tensor,
    torch_old,
    torch_zip,
)  # fmt: skip


class Call:
    """What pickles as ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.parts


def calls() -> dict[str, tuple[Any, str]]:
    """Pickled objects that run something when Python loads them, and the name that must be in the error."""
    import builtins
    import importlib
    import marshal
    import operator
    import runpy
    import shutil

    return {
        "os.system": (Call(os.system, TOUCH), "system"),
        "popen": (Call(os.popen, TOUCH), "os.popen"),
        "exec": (Call(exec, f"import os; os.system({TOUCH!r})"), "exec"),
        "eval": (Call(eval, f"__import__('os').system({TOUCH!r})"), "eval"),
        "open": (Call(open, "executed", "w"), "open"),
        "import": (Call(builtins.__import__, "antigravity"), "__import__"),
        "import_module": (Call(importlib.import_module, "antigravity"), "importlib.import_module"),
        "subprocess": (Call(subprocess.Popen, ["touch", "executed"]), "Popen"),
        "check_output": (Call(subprocess.check_output, ["touch", "executed"]), "check_output"),
        "getattr": (Call(getattr, "os", "system"), "getattr"),
        "attrgetter": (Call(operator.attrgetter("system")), "operator.attrgetter"),
        "methodcaller": (Call(operator.methodcaller("system", TOUCH)), "operator.methodcaller"),
        "partial": (Call(functools.partial(os.system, TOUCH)), "system"),
        "reduce": (Call(functools.reduce, os.system, [TOUCH]), "nothing was executed"),
        "map": (Call(list, Call(map, os.system, [TOUCH])), "system"),
        "loads": (Call(pickle.loads, pickle.dumps(Call(os.system, TOUCH))), "loads"),
        "marshal": (Call(marshal.loads, b"N"), "marshal.loads"),
        "compile": (Call(compile, "1", "x", "eval"), "compile"),
        "runpy": (Call(runpy.run_path, "executed"), "runpy.run_path"),
        "rmtree": (Call(shutil.rmtree, "nothing"), "shutil.rmtree"),
        "setattr": (Call(setattr, 1, "a", 2), "setattr"),
        "np.load": (Call(np.load, "executed"), "numpy"),
        "np.fromfile": (Call(np.fromfile, "executed"), "numpy.fromfile"),
        "np.memmap": (Call(np.memmap, "executed"), "numpy.memmap"),
        "np.save": (Call(np.save, "executed", 1), "numpy"),
        "np object array": (np.array([Call(os.system, TOUCH)], dtype=object), ""),
        "np structured": (np.zeros(2, dtype=[("a", "f4")]), "V4"),
        "path": (Path("/etc/passwd"), "pathlib"),
        "bytearray": (Call(bytearray, 1 << 40), "bytearray"),
        "range": (Call(list, range(1 << 40)), "calls list"),
        "exception": (Call(SystemExit, 1), "SystemExit"),
        "state": (Call(dict, state={"__class__": 1}), "dict"),
        "a class of ours": (Call(InputError, "x"), "nlblocks.errors.InputError"),
    }


WITHOUT_STORAGES = {"old": functools.partial(torch_old, keys=())}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", calls())
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickles_that_call_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, case: str, protocol: int
) -> None:
    value, name = calls()[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.bin"
    wrap = WITHOUT_STORAGES.get(container, CONTAINERS[container])
    path.write_bytes(wrap(pickle.dumps({"weights": value}, protocol)))
    refused(path, name)
    assert os.listdir(tmp_path) == ["evil.bin"]


def test_the_cases_are_dangerous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own loader does run them, so that the tests above mean something."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(calls()["os.system"][0]))
    assert (tmp_path / "executed").exists()


MINUS = b"J" + struct.pack("<i", -1)
HUGE = integer(1 << 62)
HUGE_KEY = integer(((1 << 61) - 1) * 8)  # its hash is 0, as that of every multiple
OPCODES = {
    # ways to name and to call
    "INST": (b"(" + text(TOUCH) + b"iposix\nsystem\n", "posix.system"),
    "OBJ": (b"(" + OS + text(TOUCH) + b"o", "posix.system"),
    "NEWOBJ": (OS + b"(" + text(TOUCH) + b"t\x81", "posix.system"),
    "NEWOBJ_EX": (OS + b"(" + text(TOUCH) + b"t}\x92", "posix.system"),
    "STACK_GLOBAL": (text("posix") + text("system") + b"\x93" + REDUCE, "posix.system"),
    "memo games": (text("system") + b"q\5" + text("posix") + b"q\6" + b"00h\6h\5\x93" + REDUCE, "posix.system"),
    "a memo entry replaced": (
        text("collections") + b"q\1" + text("posix") + b"q\1" + b"00h\1" + text("system") + b"\x93",
        "posix.system",
    ),
    "a dotted global": (global_("collections", "OrderedDict.__init__.__globals__"), "__globals__"),
    "a global with a newline": (text("posix\nsystem") + text("x") + b"\x93", "posix\\nsystem.x"),
    "a global that is no text": (integer(1) + text("system") + b"\x93", "not text"),
    "EXT1": (b"\x82\1", "extension"),
    "EXT4": (b"\x84\1\0\0\0", "extension"),
    "PERSID": (b"Psystem\n", "persistent id"),
    "NEXT_BUFFER": (b"\x97", "out-of-band"),
    "a call of a string": (text("posix.system") + REDUCE, "not a constructor"),
    "a call of a dict": (b"}" + REDUCE, "not a constructor"),
    "a call of a name": (FLOATS + b")R", "no constructor"),
    "a call with a list": (TENSOR + b"]R", "not a constructor"),
    "OrderedDict of system": (global_("collections", "OrderedDict") + OS + b"\x85R", "posix.system"),
    "defaultdict of system": (global_("collections", "defaultdict") + OS + b"\x85R", "posix.system"),
    "torch.load": (global_("torch", "load") + REDUCE, "torch.load"),
    "torch hub": (global_("torch.hub", "load") + REDUCE, "torch.hub.load"),
    "rebuild of a function": (global_("torch._utils", "_rebuild_qtensor") + b")R", "_rebuild_qtensor"),
    "keywords": (global_("collections", "OrderedDict") + b")}" + text("a") + b"Ns\x92", "keywords"),
    # states
    "BUILD on a tensor": (tensor() + b"}b", "gives a state"),
    "BUILD on a name": (FLOATS + b"}b", "gives a state"),
    "BUILD on a list": (b"]}b", "gives a state"),
    "__setstate__ of an array": (ARRAY + b"}b", "state"),
    "an array of a subclass": (
        global_("numpy.core.multiarray", "_reconstruct") + FLOATS + b"K\0\x85C\1b\x87R",
        "FloatStorage",
    ),
    "an object dtype": (global_("numpy", "dtype") + text("O8") + b"\x89\x88\x87R", "O8"),
    "a structured dtype": (
        DTYPE + tuple_([integer(3), text("<"), b"N", text("a"), b"}", integer(0), integer(0), integer(0)]) + b"b",
        "structured",
    ),
    "a dtype of a dict": (global_("numpy", "dtype") + b"}\x85R", "only plain numbers"),
    "an array of system": (array(dtype=OS), "posix.system"),
    "an array of a string dtype": (array(dtype=text("f4")), "dtype that is none"),
    "_codecs.encode as a decompressor": (
        global_("_codecs", "encode") + tuple_([text("x"), text("zlib")]) + b"R",
        "zlib",
    ),
    "_codecs.encode of what is no text": (
        global_("_codecs", "encode") + tuple_([integer(1), text("latin1")]) + b"R",
        "_codecs.encode",
    ),
    "a scalar of too many bytes": (global_("numpy.core.multiarray", "scalar") + DTYPE + b"C\5abcde\x86R", "5 bytes"),
    "a dtype that there is not": (array(dtype=global_("numpy", "dtype") + text("f99") + b"\x89\x88\x87R"), "f99"),
    "bytes of a number": (global_("builtins", "bytes") + HUGE + b"\x85R", "bytes"),
    # shapes, offsets, storages
    "a tensor outside its storage": (tensor(shape=tuple_([integer(5)])), "outside its storage"),
    "an offset outside": (tensor(offset=integer(5)), "element 5"),
    "an offset and a shape outside": (tensor(offset=integer(1)), "outside its storage"),
    "a negative offset": (tensor(offset=MINUS), "element -1"),
    "a negative extent": (tensor(shape=tuple_([MINUS])), "impossible shape"),
    "a negative stride": (tensor(strides=tuple_([MINUS])), "impossible strides"),
    "a huge stride": (tensor(shape=tuple_([integer(2)]), strides=tuple_([HUGE])), "impossible strides"),
    "a huge extent": (tensor(shape=tuple_([HUGE])), "impossible shape"),
    "extents whose product is huge": (
        tensor(shape=tuple_([integer(1 << 40)] * 4), strides=tuple_([integer(0)] * 4)),
        "impossible shape",
    ),
    "an empty tensor of huge extents": (
        tensor(shape=tuple_([integer(0), *[integer(1 << 47)] * 2]), strides=tuple_([integer(1)] * 3)),
        "impossible shape",
    ),
    "a stride of zero": (tensor(shape=tuple_([integer(1 << 40)]), strides=tuple_([integer(0)])), "repeats"),
    "a hundred axes": (tensor(shape=tuple_([integer(1)] * 100), strides=tuple_([integer(1)] * 100)), "at most 32"),
    "more strides than axes": (tensor(strides=tuple_([integer(1)] * 2)), "strides"),
    "a shape of text": (tensor(shape=tuple_([text("4")])), "impossible shape"),
    "a shape of True": (tensor(shape=tuple_([b"\x88"])), "impossible shape"),
    "a storage that is no storage": (tensor(of=integer(7)), "_rebuild_tensor"),
    "a storage of a function": (tensor(of=storage(kind=OS)), "posix.system"),
    "a storage of a dtype": (tensor(of=storage(kind=global_("torch", "float32"))), "storage"),
    "a storage of a huge size": (tensor(of=storage(size=HUGE)), "storage"),
    "a storage of a negative size": (tensor(of=storage(size=MINUS)), "storage"),
    "a persistent id of another kind": (tensor(of=storage(tag=text("module"))), "storage"),
    "a lazy conjugate": (
        TENSOR
        + tuple_([storage(), integer(0), tuple_([integer(4)]), tuple_([integer(1)]), b"\x89", b"N",
                  b"}" + text("conj") + b"\x88s"])
        + b"R",
        "resolve_conj",
    ),
    "a persistent id of text": (text("storage") + b"Q", "storage"),
    "an array of too few bytes": (array(shape=tuple_([integer(3)])), "needs 12 bytes; it has 8"),
    "an array of a huge shape": (array(shape=tuple_([integer(1 << 40)] * 2)), "impossible shape"),
    "an array of a negative shape": (array(shape=tuple_([MINUS])), "impossible shape"),
    "an array without a shape": (array(shape=b"N"), "shape"),
    # structures
    "an endless list": (b"]q\1h\1a", "nested more than"),
    "a dict in itself": (b"}q\1" + text("x") + b"h\1s", "nested more than"),
    "a key twice": (b"}" + (text("x") + b"Ns") * 2, "twice"),
    "a list as a key": (b"}]Ns", "dict key"),
    "a tuple in a tuple as a key": (b"})\x85Ns", "dict key"),
    "a huge number as a key": (b"}" + HUGE_KEY + b"Ns", "dict key"),
    "a huge number as a key of pairs": (
        global_("collections", "OrderedDict") + b"]" + tuple_([HUGE_KEY, b"N"]) + b"a\x85R",
        "not pairs",
    ),
    "a huge place in the memo": (b"Np" + str((1 << 61) - 1).encode() + b"\n", "memo"),
    "a list set by key": (b"]" + text("x") + b"Ns", "not a dict"),
    "a dict appended to": (b"}Na", "not a list"),
    "an unset memo": (b"h\7", "empty stack or memo"),
    "an empty stack": (b"0000000", "empty stack or memo"),
    "a call of nothing": (b"(o", "empty stack or memo"),
    "a mark taken as a value": (b"(q\1", "empty stack or memo"),
    "an unknown opcode": (b"\xff", "0xff"),
    "a protocol of the future": (b"\x80\x63", "protocol"),
    "an integer of a gigabyte": (b"\x8b\xff\xff\xff\x3f", "integer"),
    "a number of many digits": (b"I" + b"9" * 5000 + b"\n", "number"),
    "bytes of an exabyte": (b"\x8e" + b"\xff" * 8, "truncated"),
    "text of four gigabytes": (b"X\xff\xff\xff\xff", "truncated"),
    "text that is not UTF-8": (b"X\2\0\0\0\xff\xfe", "UTF-8"),
    "a negative length": (b"T\xff\xff\xff\xff", "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", OPCODES)
def test_pickles_of_hand_made_opcodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, case: str
) -> None:
    opcodes, name = OPCODES[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.bin"
    path.write_bytes(CONTAINERS[container](a(opcodes)))
    if container == "pdparams" and b"Q" in opcodes and name != "posix.system":
        name = "persistent id where none belongs"  # Paddle has no storages
    with bounded():
        message = refused(path)
    # The old format lists its storages after the pickle, so that a wrong list is met before a wrong tensor.
    assert name in message or (container == "old" and "storages" in message)
    assert os.listdir(tmp_path) == ["evil.bin"]


def test_there_are_enough_cases() -> None:
    assert len(calls()) + len(OPCODES) >= 40


# Bombs


def test_shared_containers_do_not_multiply(tmp_path: Path) -> None:
    levels = (b"(" + (b"h" + bytes([i])) * 10 + b"lq" + bytes([i + 1]) + b"0" for i in range(30))
    laughs = b"]q\x000" + b"".join(levels) + b"h\x1e"
    for container, wrap in CONTAINERS.items():
        path = tmp_path / container
        path.write_bytes(wrap(a(laughs)))
        refused(path, "the storages listed" if container == "old" else "more than 1000000 entries")


@pytest.mark.parametrize("opcodes", [
    b"](" + b"N" * 500_000 + b"eq\0" + (global_("builtins", "list") + b"h\0\x85R") * 100,
    text("x" * (1 << 20)) + b"q\0" + (global_("_codecs", "encode") + b"(h\0" + text("latin1") + b"tR") * 200,
    text("x" * (1 << 20)) + b"q\0" + array(shape=tuple_([integer(1 << 18)]), data=b"h\0") * 200,
])  # fmt: skip
def test_copies_do_not_multiply(tmp_path: Path, opcodes: bytes) -> None:
    path = tmp_path / "copies"
    path.write_bytes(paddle(b"\x80\2" + opcodes + b"."))
    with bounded():
        refused(path, "again and again")


def test_long_names_do_not_multiply(tmp_path: Path) -> None:
    path = tmp_path / "names"
    content = text("k" * (1 << 20)) + b"](" + b"N" * 10_000 + b"es" + text("t") + array() + b"s"
    path.write_bytes(paddle(b"\x80\2}" + content + b"."))
    with bounded():
        refused(path, "letters")


def test_deep_nesting(tmp_path: Path) -> None:
    for opcodes in (b"]" * 100_000 + b"a" * 99_999, b")" + b"\x85" * 100_000, b"(" * 100_000 + b"t" * 100_000):
        path = tmp_path / "deep"
        path.write_bytes(paddle(a(opcodes)))
        refused(path, "nested more than 64 deep")


def test_a_flood_of_operations(tmp_path: Path) -> None:
    path = tmp_path / "flood"
    path.write_bytes(paddle(b"\x80\2" + b"N0" * 2_600_000 + b"."))
    refused(path, "operations")


def test_a_view_of_a_storage_is_known_in_the_old_format_alone(tmp_path: Path) -> None:
    view = tensor(of=storage()[:-2] + tuple_([text("v"), integer(0), integer(4)]) + b"tQ")
    path = tmp_path / "view.pth"
    path.write_bytes(CONTAINERS["old"](a(view)))
    read_everything(path)
    path.write_bytes(CONTAINERS["pth"](a(view)))
    refused(path, "storage")


def test_storage_shared_without_end(tmp_path: Path) -> None:
    size = 1 << 20
    one = storage(size=integer(size)) + b"q\0" + b"0"
    views = b"".join(
        text(f"t{i}") + TENSOR
        + tuple_([b"h\0", integer(0), tuple_([integer(size)]), tuple_([integer(1)]), b"\x89", b"N"]) + b"R"
        for i in range(200)
    )  # fmt: skip
    path = tmp_path / "shared.pth"
    path.write_bytes(torch_zip(b"\x80\2" + one + b"}(" + views + b"u.", {"0": b"\0" * 4 * size}))
    refused(path, "share storage")
