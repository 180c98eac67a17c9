"""ONNX files: read whole and checked, or refused in one line; written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from nlblocks.errors import InputError, file_path


def read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The model of a file, with the data that it keeps in others beside it. Raises InputError for what is none."""
    target = file_path(path)
    model = parsed(_bytes(target), target)
    try:
        onnx.load_external_data_for_model(model, str(target.parent))
        onnx.checker.check_model(model)
    except (ValueError, OSError, onnx.checker.ValidationError) as error:
        raise InputError(f"{target}: {' '.join(str(error).split())}; give a file that onnx.checker accepts") from None
    return model


def parsed(data: bytes, target: Path) -> onnx.ModelProto:
    """The model in some bytes. Raises InputError where there is none."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError(f"{target}: no ONNX file, or cut off; give one that an exporter wrote") from None
    return model


def _bytes(target: Path) -> bytes:
    try:
        return target.read_bytes()
    except OSError as error:
        raise InputError(f"{target}: cannot be read: {error.strerror}") from None
