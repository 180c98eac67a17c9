"""The weights of a block, from the file that it was exported to."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nlblocks.errors import InputError, file_path
from nlblocks.exchange.exporting.metadata import constants, digest
from nlblocks.exchange.files import notes, read
from nlblocks.specs.base import BlockSpec, spec_from_dict
from nlblocks.weights.files import DTYPES, Checkpoint, Tensor, in_memory
from nlblocks.weights.files.contents import UNSAID


def load_spec(path: str | os.PathLike[str]) -> BlockSpec:
    """The spec of a block that :func:`export` wrote. Raises InputError for a file without one."""
    return _spec(notes.of(read(path)), path)


def stored(path: str | os.PathLike[str]) -> Checkpoint:
    """A block's tensors under canonical names, with its spec. Raises InputError where not all are in the file."""
    target = file_path(path)
    model = read(target)
    said = notes.of(model)
    spec = _spec(said, target)
    places, held = said.get("weights"), constants(model)
    if not isinstance(places, dict) or any(_source(at) not in held for at in places.values()):
        raise InputError(f"{target}: its weights were folded into each other; nlblocks convert takes what is there")
    state = {}
    for param in spec.params():
        if param.name not in places:
            raise InputError(f"{target}: {param.name} is not in it; the file is damaged")
        value = held[_source(places[param.name])]
        turned = places[param.name][1] == "turned"
        shape = param.shape[::-1] if turned else param.shape
        if value.size != np.prod(shape, dtype=int):
            raise InputError(f"{target}: {param.name} has {value.size} values, not shape {param.shape}; it is damaged")
        value = value.reshape(shape)
        state[param.name] = np.ascontiguousarray(value.T if turned else value)
    if digest(state) != said.get("sha256"):
        raise InputError(f"{target}: its weights are not those that were exported: their SHA-256 is another")
    tensors: dict[str, Tensor] = {name: in_memory(value, DTYPES[value.dtype.name]) for name, value in state.items()}
    return Checkpoint(target, "ONNX", UNSAID, "", tensors, spec=spec.to_dict())


def _source(at: Any) -> str:
    return at[0] if isinstance(at, list) and len(at) == 2 and isinstance(at[0], str) else ""


def _spec(said: dict[str, Any], path: str | os.PathLike[str]) -> BlockSpec:
    if not isinstance(said.get("spec"), dict):
        raise InputError(f"{path}: no block's spec is in it; give a file that nlblocks export wrote of a block")
    spec: BlockSpec = spec_from_dict(said["spec"], BlockSpec)
    return spec
