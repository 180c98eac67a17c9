"""Everything in a file: which reader it is for, by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nlblocks.errors import InputError
from nlblocks.weights.files import npz_file, paddle_file, safetensors_file, torch_file
from nlblocks.weights.files.containers import archive, by_magic, several, what_it_is
from nlblocks.weights.files.contents import Contents, check_sharing
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped
from nlblocks.weights.files.zip_reader import Entry, is_zip, read_directory

HEAD = 256
_PICKLE = re.compile(rb"\x80[\0-\5]|[(}\]]|c[\w.]+\n[\w.]+\n")
"""How a pickle begins, of protocol 2 to 5 or of an older one."""
_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.")
READ = "torch's and Paddle's files, .safetensors, .npz, .gguf, .h5 and those in docs/checkpoints.md"


def read_contents(path: Path) -> Contents:
    """Everything in one file, by its first bytes, or in a folder that is one model."""
    found = several(path)
    if found is not None:
        return found
    file = Mapped(path)
    contents = _zip(file, read_directory(file)) if is_zip(file) else _plain(file)
    check_sharing(contents.tensors, file.size, str(path))
    shard = _SHARD.search(path.name)
    if shard is None or int(shard[1]) < 2:
        return contents
    index = f"{shown(path.suffix)}.index.json"
    note = f"one of {int(shard[1])} shards, by its name; for the whole give the index ({index})"
    return replace(contents, lines=(note, *contents.lines), notes=(note, *contents.notes))


def _zip(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    leaves = {name.split("/")[-1] for name in entries}
    if "data.pkl" in leaves and "constants.pkl" not in leaves:
        return torch_file.read_zip(file, entries)
    if entries and all(name.endswith(".npy") for name in entries):
        return npz_file.read(file, entries)
    return archive(file, entries)


def _plain(file: Mapped) -> Contents:
    head = bytes(file.bytes[:HEAD])
    if torch_file.is_legacy(file):
        return torch_file.read_legacy(file)
    found = by_magic(file)
    if found is not None:
        return found
    if len(head) > 8 and head[8:9] == b"{" and head[:1] != b"{":
        return safetensors_file.read(file)
    if _PICKLE.match(head):
        return paddle_file.read(file)
    what = what_it_is(file)
    if what:
        raise InputError(f"{file.path}: {what}")
    start = head[:8].hex(" ")
    raise InputError(f"{file.path}: not a checkpoint that is read here ({READ}); it starts with the bytes {start}")
