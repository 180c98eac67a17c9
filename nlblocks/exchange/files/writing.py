"""ONNX files written whole or not at all, with the weights beside them where one file cannot hold all."""

from __future__ import annotations

import os
from typing import BinaryIO

import onnx
from onnx import TensorProto, numpy_helper

from nlblocks.errors import file_path
from nlblocks.exchange.files.walking import graphs, tensors
from nlblocks.weights.files.atomic import replacing

LIMIT = 2**31 - 2**20
"""Bytes that one file may have: protobuf ends at 2 GiB; the rest is room for what the graph weighs."""
SMALL = 1024
"""A tensor of fewer bytes stays in the file: shapes and constants, which readers want to see."""
ALIGNED = 4096
"""Where tensors begin in the file beside: on pages, that they can be mapped."""


def write(model: onnx.ModelProto, path: str | os.PathLike[str], *, limit: int = LIMIT) -> None:
    """Write a model; above ``limit`` bytes with its weights in a file beside, named after it with ``.data``.

    Both appear whole or not at all. Raises InputError for what cannot be written.
    """
    target = file_path(path)
    if model.ByteSize() <= limit:
        with replacing(target) as file:
            file.write(model.SerializeToString())
        return
    beside = target.with_name(target.name + ".data")
    held = onnx.ModelProto()
    held.CopyFrom(model)
    with replacing(target) as file, replacing(beside) as data:  # what is beside gets its name first
        for tensor in tensors(graphs(held)):
            _move(tensor, data, beside.name)
        file.write(held.SerializeToString())


def _move(tensor: TensorProto, data: BinaryIO, name: str) -> None:
    """Put what a tensor holds into the file beside."""
    if tensor.data_type == TensorProto.STRING or tensor.ByteSize() < SMALL:
        return
    raw = tensor.raw_data or numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data
    start = -(-data.tell() // ALIGNED) * ALIGNED
    data.write(bytes(start - data.tell()))
    data.write(raw)
    kept = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, doc_string=tensor.doc_string)
    kept.data_location = TensorProto.EXTERNAL
    for key, value in (("location", name), ("offset", start), ("length", len(raw))):
        kept.external_data.add(key=key, value=str(value))
    tensor.CopyFrom(kept)
