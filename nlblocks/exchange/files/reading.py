"""ONNX files read whole and checked, or refused in one line, whoever wrote them."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError, Message

from nlblocks.errors import InputError, file_path
from nlblocks.exchange.files import beside, structure
from nlblocks.exchange.files.walking import graphs, sparse_tensors, tensors
from nlblocks.exchange.files.writing import LIMIT

BEGINNINGS = {
    b"PK\x03\x04": "a zip archive, as torch.save and NumPy write: a checkpoint, and no program",
    b"\x80\x02": "a pickle: a checkpoint, and no program",
    b"\x80\x03": "a pickle: a checkpoint, and no program",
    b"\x80\x04": "a pickle: a checkpoint, and no program",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a pointer of Git LFS: run git lfs pull",
    b"<": "a page of the web, or XML",
    b"{": "JSON",
}
"""What files that are no ONNX begin with, and what they are."""
EXPORTED = "give an .onnx file that an exporter wrote"


def read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The model of a file, with what it keeps beside it; its functions written out in its graph, sparse weights dense.

    Whoever wrote it: no file outside of its folder is read, and no more than is there. Raises InputError, in one line,
    for a file that is broken, that is something else, or whose program cannot run.
    """
    target = file_path(path)
    try:
        return _read(target)
    except InputError as error:
        raise InputError(f"{target}: {error}") from None
    except OSError as error:
        raise InputError(f"{target}: cannot be read: {error.strerror}") from None


def _read(target: Path) -> onnx.ModelProto:
    folder = target.parent
    model = _parsed(_bytes(target), target)
    structure.check(model)
    held, sparse = list(tensors(graphs(model))), list(sparse_tensors(graphs(model)))
    for tensor in held:
        beside.check(tensor, folder)
    for item in sparse:
        beside.check_sparse(item, folder)
    outside = any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in held)
    try:
        # What is above protobuf's limit once it is whole is checked as the file that it is.
        onnx.checker.check_model(os.fspath(target) if outside else model)
    except (ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise InputError(f"onnx.checker: {' '.join(str(error).split())}; export it again") from None
    if model.functions:
        model = _inlined(model)
        structure.check(model)
    for graph in graphs(model):
        _fill(graph)
    for tensor in tensors(graphs(model)):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            beside.load(tensor, folder)
    return model


def _fill(graph: onnx.GraphProto) -> None:
    """Make the sparse weights of a graph dense, that whoever reads it meets one kind."""
    graph.initializer.extend(beside.dense(sparse) for sparse in graph.sparse_initializer)
    del graph.sparse_initializer[:]
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "sparse_value":
                attribute.CopyFrom(onnx.helper.make_attribute("value", beside.dense(attribute.sparse_tensor)))


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The program with the functions that it defines written out where they are called."""
    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as error:  # of any kind
        said = " ".join(str(error).split())
        raise InputError(f"its functions cannot be written out: {said}; export it again without") from None


def _parsed(data: bytes, target: Path) -> onnx.ModelProto:
    """The model in some bytes."""
    for start, kind in BEGINNINGS.items():
        if data.startswith(start):
            raise InputError(f"is {kind}; {EXPORTED}")
    if target.suffix in (".pdmodel", ".pdiparams"):
        raise InputError("is a part of a Paddle program; export it with paddle2onnx, or nlblocks export")
    if data[4:8] == b"ORTM":
        raise InputError(f"is in onnxruntime's own format; {EXPORTED}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError(f"no ONNX file, or cut off; {EXPORTED}") from None
    if not _is_text(model):
        raise InputError("has names that are no text; the file is broken: copy or export it again")
    if not model.ir_version or not model.HasField("graph"):
        raise InputError(f"no ONNX file: it has no graph; {EXPORTED}")
    return model


def _is_text(message: Message) -> bool:
    """Whether every name is text: protobuf reads others too, and gives bytes or fails when it is asked for one."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.message_type is not None:
            if not all(_is_text(inner) for inner in values):
                return False
        elif field.type == field.TYPE_STRING:
            try:
                if not all(isinstance(item, str) for item in values):
                    return False
            except UnicodeDecodeError:
                return False
    return True


def _bytes(target: Path) -> bytes:
    if target.is_dir():
        raise InputError("is a folder; give the .onnx file in it")
    if target.exists() and not target.is_file():
        raise InputError("is no regular file; give an .onnx file")
    size = target.stat().st_size
    if not size:
        raise InputError(f"is empty; {EXPORTED}")
    if size > LIMIT:
        raise InputError(
            f"has {size} bytes, over the {LIMIT} that protobuf reads; export it with its weights beside it"
        )
    return target.read_bytes()
