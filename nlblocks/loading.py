"""A block from any file that carries it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, overload

from nlblocks.backend import Backend, DType
from nlblocks.errors import InputError, file_path
from nlblocks.specs.base import BlockSpec
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.saving import built
from nlblocks.weights.whole import load_model

Model = TypeVar("Model")


@overload
def load(
    path: str | Path,
    backend: str | Backend | None = None,
    spec: BlockSpec | None = None,
    dialect: str | None = None,
    key: str | None = None,
    dtype: DType | None = None,
    into: None = None,
) -> Any: ...
@overload
def load(path: str | Path, *, key: str | None = None, into: Model) -> Model: ...
def load(
    path: str | Path,
    backend: str | Backend | None = None,
    spec: BlockSpec | None = None,
    dialect: str | None = None,
    key: str | None = None,
    dtype: DType | None = None,
    into: Any = None,
) -> Any:
    """The native module of a file that :func:`save`, ``nlblocks convert`` or ``nlblocks export`` wrote.

    Or of any checkpoint of ``spec``: ``dialect`` names the public codebase whose tensors it holds; without it they are
    canonical names. ``key`` chooses a nested dict, ``dtype`` overrides the file's own. A wrapper prefix such as
    "module." is dropped. An .onnx file carries its spec itself, and takes none of these but ``dtype``.

    Or a whole model's: ``into`` is a model of the user's, which gets the tensors of a file of either framework's model
    of the same names, all of them or none, and is returned. It takes ``key`` beside.
    """
    target = file_path(path)
    if into is not None:
        if any(option is not None for option in (backend, spec, dialect, dtype)):
            raise InputError("load: into= is a model that is there; leave out backend, spec, dialect and dtype")
        return load_model(open_checkpoint(target, key), into)
    if target.suffix != ".onnx":
        return built(open_checkpoint(target, key), backend, spec, dialect, dtype)
    if any(option is not None for option in (spec, dialect, key)):
        raise InputError(f"{target}: an ONNX file carries its spec and its names; leave out spec, dialect and key")
    from nlblocks.exchange.exporting import stored  # an extra

    return built(stored(target), backend, None, None, dtype)
