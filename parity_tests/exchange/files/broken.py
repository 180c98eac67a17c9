"""Files that are no program, or a bad one: how each is made, and what must be said of it."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Made = onnx.ModelProto | bytes | None
"""What becomes the file; None where the maker wrote it."""
BROKEN: dict[str, tuple[Callable[[Path], Made], str]] = {}


def says(words: str) -> Callable[[Callable[[Path], Made]], Callable[[Path], Made]]:
    """Register a bad file, and the words that must be in the line about it."""

    def registered(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        BROKEN[make.__name__] = (make, words)
        return make

    return registered


def good(**more: Any) -> onnx.ModelProto:
    """Y = x · w + c."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], name="multiply"),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3, np.float32))),
        helper.make_node("Add", ["product", "c"], ["y"], name="add"),
    ]
    return model(nodes, [numpy_helper.from_array(np.ones((4, 3), np.float32), "w")], **more)


def model(
    nodes: list[onnx.NodeProto], weights: list[TensorProto] | None = None, opset: int = 17, **more: Any
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 3)))
    graph = helper.make_graph(nodes, "g", [x], [y], weights or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


@says("is empty")
def nothing(_: Path) -> Made:
    return b""


@says("no ONNX file, or cut off")
def noise(_: Path) -> Made:
    return b"\xff" * 200


@says("no ONNX file, or cut off")
def half(_: Path) -> Made:
    return good().SerializeToString()[:-40]


@says("no ONNX file")
def text(_: Path) -> Made:
    return b"hello, this is no program at all\n" * 9


@says("page of the web")
def web_page(_: Path) -> Made:
    return b"<!DOCTYPE html><html></html>"


@says("Git LFS: run git lfs pull")
def pointer(_: Path) -> Made:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@says("zip archive.*a checkpoint")
def torch_checkpoint(_: Path) -> Made:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return file.getvalue()


@says("a pickle: a checkpoint")
def paddle_checkpoint(_: Path) -> Made:
    return pickle.dumps({"w": np.ones(3)}, protocol=4)


@says("Paddle program; export it")
def paddle_program(folder: Path) -> Made:
    (folder / "a.pdmodel").write_bytes(b"\x0a\x04\x08\x00\x10\xff")
    return None


@says("onnxruntime's own format")
def runtime_format(_: Path) -> Made:
    return b"\x10\x00\x00\x00ORTM" + bytes(90)


@says("is a folder")
def folder(folder: Path) -> Made:
    (folder / "a.onnx").mkdir()
    return None


@says("cannot be read: No such file")
def missing(_: Path) -> Made:
    return None


@says("no regular file")
def pipe(folder: Path) -> Made:
    os.mkfifo(folder / "a.onnx")
    return None


@says("it has no graph")
def no_graph(_: Path) -> Made:
    made = good()
    made.ClearField("graph")
    return made


@says("has names that are no text")
def names_that_are_no_text(_: Path) -> Made:
    return good().SerializeToString().replace(b"multiply", b"mult\xffply")
