"""Write a checkpoint: .safetensors, .pth/.pt or .pdparams by the name, whole or not at all, a tensor at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files import paddle_file, safetensors_file, torch_file
from nlblocks.weights.files.atomic import replacing
from nlblocks.weights.files.checkpoint import notes_json
from nlblocks.weights.files.contents import UNSAID
from nlblocks.weights.files.limits import MAX_SHARDS
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Tensor

FORMATS = {
    ".safetensors": "safetensors", ".pth": "torch", ".pt": "torch", ".bin": "torch",
    ".pdparams": "paddle", ".pdopt": "paddle",
}  # fmt: skip
LAYOUTS = {"safetensors": UNSAID, "torch": "torch", "paddle": "paddle"}
"""Whose layout is written in a format where nobody says; of these only safetensors can hold another's."""


def format_of(path: Path) -> str:
    """The format that a file's name asks for."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: the name must end in {', '.join(FORMATS)}, which says what to write")
    return FORMATS[path.suffix]


def write_checkpoint(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    *,
    layout: str = UNSAID,
    spec: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    shard_bytes: int | None = None,
    beside: Mapping[str, Any] | None = None,
    moved: Callable[[int], None] = lambda count: None,
) -> list[Path]:
    """Write ``tensors`` as they are, bit for bit, and say which files were written.

    ``layout`` names whose Linear weights these are; only safetensors can say so, the other formats imply it.
    ``shard_bytes`` cuts a .safetensors file into shards of about that size and writes ``path``.index.json last: it
    must not exist yet. ``beside`` is what a .pth file holds besides, numbers, text, tensors and containers of these;
    the tensors are then its "model". ``moved`` is called with each number of bytes written, from this thread.
    """
    path = Path(path)
    kind = format_of(path)
    notes = notes_json(spec, record or {})
    if not tensors and spec is None:  # a block without parameters is all in its spec
        raise InputError(f"{path}: there is no tensor to write")
    for name in tensors:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise InputError(f"{path}: the name {shown(name)} holds half a character; give it another with --rename")
    if shard_bytes is not None:
        if kind != "safetensors" or shard_bytes < 1:
            raise InputError(f"{path}: shards are .safetensors files of at least 1 byte, received {shard_bytes}")
        return _write_shards(path, tensors, layout, notes, shard_bytes, moved)
    with replacing(path) as file, Sink(file, moved) as sink:
        if kind == "safetensors":
            safetensors_file.write(sink, tensors, notes, layout)
        elif kind == "torch":
            torch_file.write(sink, tensors, notes, beside)
        else:
            paddle_file.write(sink, tensors, notes)
    return [path]


def _write_shards(
    path: Path,
    tensors: Mapping[str, Tensor],
    layout: str,
    notes: str,
    shard_bytes: int,
    moved: Callable[[int], None],
) -> list[Path]:
    """The index appears last, so that a set of shards is either whole or not there."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    if len(shards) > MAX_SHARDS:
        raise InputError(f"{path}: {len(shards)} shards of {shard_bytes} bytes; at most {MAX_SHARDS}, so cut larger")
    files = [path.with_name(f"{path.stem}-{i:05}-of-{len(shards):05}{path.suffix}") for i in range(1, len(shards) + 1)]
    index = path.with_name(f"{path.name}.index.json")
    taken = [file for file in (index, *files) if file.exists()]
    if taken:
        raise InputError(f"{taken[0]}: exists; a set of shards is not written over another, so remove it first")
    for file, shard in zip(files, shards, strict=True):
        with replacing(file) as out, Sink(out, moved) as sink:
            safetensors_file.write(sink, shard, notes, layout)
    names = {name: file.name for file, shard in zip(files, shards, strict=True) for name in shard}
    total = sum(tensor.nbytes for tensor in tensors.values())
    with replacing(index) as out:
        out.write(json.dumps({"metadata": {"total_size": total}, "weight_map": names}, indent=2).encode())
    return [*files, index]
