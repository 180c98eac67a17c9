"""Open a checkpoint of any format, find the weights in it, and read them as they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlblocks.backend import State
from nlblocks.errors import InputError, known
from nlblocks.weights.files import safetensors_file
from nlblocks.weights.files.containers import several
from nlblocks.weights.files.contents import Contents, unread
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.limits import MAX_SHARDS
from nlblocks.weights.files.parts import weights_at
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.reading import read_contents
from nlblocks.weights.files.tensors import Tensor

PREFIXES = ("module.", "_orig_mod.", "_layers.")
"""What DataParallel (torch), torch.compile and DataParallel (Paddle) put before every name."""


@dataclass(frozen=True, slots=True)
class Checkpoint(Mapping[str, Tensor]):
    """A mapping from name to :class:`Tensor`; values stay in the file until ``raw()`` or ``numpy()`` asks for them.

    ``format`` is the reader that took the file, ``layout`` the framework whose conventions it follows, by name,
    ``key`` the nested dict that was chosen, ``others`` what is in the file beside tensors, ``spec`` and ``record`` what
    nlblocks wrote into it: the block's spec as a dict, and what a conversion must know to be reversed. ``prefix`` is
    the wrapper prefix that all names share. ``told``: the file says itself that it has this layout. ``names`` is what
    the framework calls the parameters besides.
    ``lines`` say what else is in the file, ``notes`` what a conversion should say of it.
    """

    path: Path
    format: str
    layout: str
    key: str
    tensors: dict[str, Tensor]
    others: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    told: bool = True
    names: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def prefix(self) -> str:
        return common_prefix(self.tensors)

    @property
    def unread(self) -> dict[str, str]:
        """What is beside the tensors and not read: the class of each object, by its place in the file."""
        return {name: found for name, value in self.others.items() if (found := unread(value))}

    def state(self) -> State:
        """All values as NumPy arrays; bfloat16 becomes float32."""
        return {name: tensor.numpy() for name, tensor in self.tensors.items()}


def common_prefix(names: Mapping[str, Any]) -> str:
    """The wrapper prefixes, such as "module.", that every name starts with."""
    prefix, found = "", True
    while found and names:
        found = False
        for one in PREFIXES:
            if all(name.startswith(prefix + one) and name != prefix + one for name in names):
                prefix, found = prefix + one, True
    return prefix


def open_checkpoint(path: str | Path, key: str | None = None) -> Checkpoint:
    """Open ``path`` by its contents, not by its name; no framework is needed and nothing in the file is executed.

    docs/checkpoints.md has a table of the formats. A model in several files is given by one of them, or by its folder.
    ``key`` is the dotted path of the nested dict to take, such as "model" or "ema.state_dict", and "" is everything;
    without it the only one that is not optimiser state is taken. Raises InputError, in one line, for anything else.
    """
    path = Path(path)
    contents = several(path) if path.suffix == ".json" else read_contents(path)
    if contents is None:
        return _open_shards(path, key)
    spec, record = _notes(contents.metadata, path)
    chosen, tensors = ("", {}) if spec and not contents.tensors else _choose(contents, key, path)
    others = {".".join(keys): value for keys, value in contents.others.items()}
    inside = f"{chosen}." if chosen else ""
    kinds = {".".join(keys).removeprefix(inside): kind for keys, kind in contents.kinds.items()}
    if kinds:
        record = {"said": {name: kind for name, kind in kinds.items() if name in tensors}, **record}
    return Checkpoint(
        path, contents.format, contents.layout, chosen, tensors, others, spec, record, contents.told, contents.names,
        contents.lines, contents.notes,
    )  # fmt: skip


def _open_shards(path: Path, key: str | None) -> Checkpoint:
    if key:
        raise InputError(f"{path}: key={key!r} is for a single file; a shard index has one level")
    shards = safetensors_file.read_index(path)
    files = dict.fromkeys(shards.values())
    if len(files) > MAX_SHARDS:
        raise InputError(f"{path}: an index of {len(files)} shards; at most {MAX_SHARDS} are opened")
    opened = {file: open_checkpoint(file) for file in files}
    tensors = {}
    for name, file in shards.items():
        if name not in opened[file]:
            raise InputError(f"{path}: {shown(name)} is not in the shard {shown(file.name)}")
        tensors[name] = opened[file][name]
    extra = [name for checkpoint in opened.values() for name in checkpoint if name not in tensors]
    if extra:
        raise InputError(f"{path}: the shards hold {shown(extra[0])}, which the index does not list")
    first = next(iter(opened.values()))
    return Checkpoint(path, f"{first.format} shards", first.layout, "", tensors, {}, first.spec, first.record,
                      first.told)  # fmt: skip


def _choose(contents: Contents, key: str | None, path: Path) -> tuple[str, dict[str, Tensor]]:
    """(key, tensors by the names that they have below it)."""
    tensors = contents.tensors
    if not tensors:
        left_out = [
            f"{shown('.'.join(keys)) or 'the file itself'} ({shown(what)})"
            for keys, value in contents.others.items()
            if (what := unread(value))
        ]
        raise InputError(
            f"{path}: there is no tensor in the file{'; not read: ' if left_out else ''}{', '.join(left_out[:5])}"
        )
    at: Keys = ()
    if key is None:
        at = weights_at(tensors, path)
    elif key:
        places = {keys[:depth] for keys in tensors for depth in range(1, len(keys))}
        found = [place for place in places if ".".join(place) == key]
        if not found:
            names = sorted({keys[0] for keys in tensors if len(keys) > 1})
            raise InputError(
                f"{path}: key={key!r} holds no tensors; at the top there are {known(names[:20]) or 'none'}"
            )
        at = min(found)
    chosen: dict[str, Tensor] = {}
    for keys, tensor in tensors.items():
        if keys[: len(at)] != at:
            continue
        name = ".".join(keys[len(at) :])
        if name in chosen:
            raise InputError(f"{path}: two tensors are called {shown(name)}; the file is refused")
        chosen[name] = tensor
    return ".".join(at), chosen


def _notes(metadata: str, path: Path) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    if not metadata:
        return None, {}
    notes = safetensors_file.parse_json(metadata.encode(), f"{path}: nlblocks metadata")
    spec, record = notes.get("spec"), notes.get("record", {})
    if not isinstance(spec, dict | None) or not isinstance(record, dict) or set(notes) - {"spec", "record"}:
        raise InputError(f"{path}: its nlblocks metadata is damaged; it must hold spec and record")
    return spec, record


def notes_json(spec: Mapping[str, Any] | None, record: Mapping[str, Any]) -> str:
    """The metadata that :func:`open_checkpoint` reads back as ``spec`` and ``record``; empty where there is none."""
    notes = ({"spec": spec} if spec else {}) | ({"record": record} if record else {})
    return json.dumps(notes, separators=(",", ":")) if notes else ""
