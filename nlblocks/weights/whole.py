"""A whole model of the user's, with our blocks inside, in one file: written in one framework, loaded in the other.

What each tensor means the model itself tells: its layers' classes and its blocks' specs. Names must agree, but for
those that the frameworks' own layers have otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nlblocks.backend import Host, host_of
from nlblocks.conventions import conventions_of
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import Tensor, write_checkpoint
from nlblocks.weights.files.checkpoint import Checkpoint
from nlblocks.weights.files.writing import LAYOUTS, format_of
from nlblocks.weights.made import as_tensor, turned

BLOCKS = "blocks"
"""What the record calls the specs of a model's blocks, by path."""
SHOWN = 10
"""Problems that an error lists."""


def save_model(model: Any, path: Path) -> None:
    """Write a model's checkpoint: a .pdparams file in Paddle's names and layouts, .pth in torch's, else in its own."""
    host = host_of(model, "save")
    kind = format_of(path)
    layout = host.name if kind == "safetensors" else LAYOUTS[kind]
    tensors = {name: as_tensor(host.to_numpy(value), str(value.dtype)) for name, value in host.saved(model).items()}
    blocks = _blocks(host, model)
    found, record = _converted(host, model, tensors, {}, (host.name, layout))
    specs = {path: block.spec.to_dict() for path, block in blocks.items()}
    write_checkpoint(path, found, layout=layout, record=record | ({BLOCKS: specs} if specs else {}))


def load_model(checkpoint: Checkpoint, model: Any) -> Any:
    """Write a checkpoint of either framework into a model, all of it or nothing; the model."""
    host = host_of(model, "load")
    prefix = checkpoint.prefix
    own = host.saved(model)
    bare = any(name not in own for name in checkpoint) and bool(prefix)
    tensors = {name.removeprefix(prefix) if bare else name: tensor for name, tensor in checkpoint.items()}
    problems = _unlike(checkpoint, host, model)
    strangers = [name for name, tensor in tensors.items() if name not in own and len(tensor.shape) == 2]
    ends = checkpoint.layout, host.name
    try:
        found, _ = _converted(host, model, tensors, checkpoint.record, ends)
    except InputError:  # what the model lacks it cannot tell the meaning of: that it lacks it is the error then
        if not strangers:
            raise
        found, _ = _converted(host, model, tensors, checkpoint.record, ends, dict.fromkeys(strangers, "parameter"))
    count = conventions_of(host.name).batch_norm.count
    problems += [f"{name} is missing" for name in own if name not in found and name.rpartition(".")[2] != count]
    problems += [f"{name} is unexpected" for name in found if name not in own]
    problems += [
        f"{name} has shape {list(tensor.shape)}, not {list(own[name].shape)}"
        for name, tensor in found.items()
        if name in own and tuple(tensor.shape) != tuple(own[name].shape)
    ]
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        words = "; ".join(problems[:SHOWN])
        raise InputError(
            f"{checkpoint.path} is no checkpoint of {type(model).__name__}: {words}{more}; nothing is loaded"
        )
    host.restore(model, {name: np.array(tensor.numpy()) for name, tensor in found.items()})
    return model


def _blocks(host: Host, model: Any) -> dict[str, Any]:
    """Our blocks in a model by path, without those that are parts of others."""
    found: dict[str, Any] = {}
    for path, module in host.modules(model).items():
        if host.owns(module) and not any(path.startswith(f"{outer}.") for outer in found):
            found[path] = module
    return found


def _converted(
    host: Host, model: Any, tensors: Mapping[str, Tensor], record: Mapping[str, Any], ends: tuple[str, str],
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, Tensor], dict[str, Any]]:  # fmt: skip
    """The tensors from one framework's names and layouts to another's, and what the way back must know.

    ``more`` says the kinds of what is no layer of the model's.
    """
    if ends[0] == ends[1]:
        return dict(tensors), dict(record)
    turns = conventions_of(ends[0]).linear_in_out != conventions_of(ends[1]).linear_in_out
    inside: dict[str, Tensor] = {}
    for path, block in _blocks(host, model).items():
        for param in block.spec.params():
            name = f"{path}.{param.name}"
            if name in tensors:
                turn = turns and param.layout == "linear" and len(tensors[name].shape) == 2
                inside[name] = turned(tensors[name]) if turn else tensors[name]
    rest = {name: tensor for name, tensor in tensors.items() if name not in inside}
    kinds = {f"{path}.*".lstrip("."): kind for path, kind in host.layers(model).items()}
    kinds |= more
    answers = [(pattern, kind) for pattern, kind in kinds.items() if any(fnmatchcase(name, pattern) for name in rest)]
    options = Options(source=ends[0], target=ends[1], answers=answers)
    done = plan(rest, options, {key: value for key, value in record.items() if key != BLOCKS})
    return {**inside, **done.tensors}, dict(done.record)


def _unlike(checkpoint: Checkpoint, host: Host, model: Any) -> list[str]:
    """Blocks whose specs in the file are not the model's."""
    held = checkpoint.record.get(BLOCKS)
    if not isinstance(held, dict):
        return []
    own = {path: block.spec.to_dict() for path, block in _blocks(host, model).items()}
    return [
        f"the block {path} is {held[path].get('kind')} with other fields than the model's {own[path].get('kind')}"
        for path in own
        if isinstance(held.get(path), dict) and held[path] != own[path]
    ]
