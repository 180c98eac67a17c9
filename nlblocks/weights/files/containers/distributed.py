"""Distributed checkpoints, a part from each rank, read whole by their metadata: torch's and Paddle's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files import paddle_file, torch_file
from nlblocks.weights.files.constructors import constructors
from nlblocks.weights.files.containers.assembling import Part, whole
from nlblocks.weights.files.contents import Contents, check_sharing
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.inert import Placeholder
from nlblocks.weights.files.limits import MAX_EXTENT, MAX_FILES, MAX_SHARDS
from nlblocks.weights.files.pickle_vm import Unpickler, shown
from nlblocks.weights.files.tensors import Mapped, Tensor, Window
from nlblocks.weights.files.zip_reader import is_zip, read_directory

TORCH = ".metadata"
_PART, _METADATA = ".distcp", ".metadata"


def is_distributed(path: Path) -> bool:
    """Whether a path is a distributed checkpoint, its metadata, or one rank's part of it."""
    if path.is_dir():
        return (path / TORCH).is_file() or any(one.suffix == _PART for one in islice(path.iterdir(), MAX_FILES))
    return path.name == TORCH or path.suffix in (_PART, _METADATA)


def distributed(path: Path) -> Contents:
    """The whole checkpoint that a path is or belongs to. Raises InputError where its metadata or a part is missing."""
    folder = path if path.is_dir() else path.parent
    if (folder / TORCH).is_file():
        return _read(folder, folder / TORCH, _torch_rows, "torch distributed checkpoint", "torch")
    found = sorted(one for one in islice(folder.iterdir(), MAX_FILES) if one.suffix == _METADATA)
    if path.suffix == _METADATA:
        found = [path]
    if len(found) == 1:
        return _read(folder, found[0], _paddle_rows, "Paddle distributed checkpoint", "paddle")
    if found:
        raise InputError(
            f"{path}: several checkpoints lie in {folder}; give the metadata of one, such as {found[0].name}"
        )
    raise InputError(
        f"{path}: a part of a distributed checkpoint, of one rank, without its metadata; put the parts of all ranks, "
        "and the file .metadata (torch) or 0.metadata (Paddle), into one folder, and give that"
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A tensor by its keys: its shape, and for each part the offset, the shape and how to read it. None: no tensor."""

    name: str
    keys: Keys
    shape: Any
    parts: Sequence[tuple[Any, Callable[[], Contents], Any]]


class _Files:
    """The parts of a checkpoint, each mapped once; none outside of its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._mapped = folder, dict[str, Mapped]()
        self._pickled = dict[str, Contents]()

    def mapped(self, name: Any) -> Mapped:
        inside = isinstance(name, str) and name not in ("", ".", "..") and not any(c in name for c in "/\\:\0")
        if not inside or len(name) > 255:
            raise InputError(f"{self.folder}: a part is in {shown(str(name))}, which is no file beside; it is refused")
        if name not in self._mapped:
            if len(self._mapped) == MAX_SHARDS:
                raise InputError(f"{self.folder}: more than {MAX_SHARDS} files of parts; at most so many are opened")
            if not (self.folder / name).is_file():
                raise InputError(f"{self.folder}: the part {shown(name)} is missing; copy the parts of all ranks there")
            self._mapped[name] = Mapped(self.folder / name)
        return self._mapped[name]

    def pickled(self, name: Any) -> Contents:
        """A part of Paddle's, which is a pickle."""
        file = self.mapped(name)
        if name not in self._pickled:
            self._pickled[name] = paddle_file.read(file)
        return self._pickled[name]

    @property
    def size(self) -> int:
        return sum(file.size for file in self._mapped.values())


def _read(
    folder: Path, metadata: Path, rows: Callable[[Any, _Files], Iterator[_Row]], kind: str, layout: str
) -> Contents:
    file = Mapped(metadata)
    said = Unpickler(file, 0, file.size, constructors(file)).load()
    if not isinstance(said, Placeholder) or not said.unread.endswith(".Metadata"):
        raise InputError(f"{metadata}: not the metadata of a distributed checkpoint; it is damaged or something else")
    files = _Files(folder)
    tensors: dict[Keys, Tensor] = {}
    others: dict[Keys, Any] = {}
    for row in rows(said, files):
        if row.keys in tensors or row.keys in others:
            raise InputError(f"{metadata}: two entries are called {shown(row.name)}; the file is refused")
        if row.shape is None:
            for _, read, _ in row.parts:
                found = read()
                tensors |= {(*row.keys, *keys): tensor for keys, tensor in found.tensors.items()}
                others |= {(*row.keys, *keys): value for keys, value in found.others.items()}
            continue
        parts = [Part(offset, _part(row, read(), shape, metadata)) for offset, read, shape in row.parts]
        tensors[row.keys] = whole(row.name, row.shape, parts, str(metadata))
    check_sharing(tensors, files.size, str(metadata))
    names = ", ".join(sorted(path.name for path in (one.path for one in files._mapped.values()))[:4])
    return Contents(kind, tensors, others, layout=layout, lines=(f"put together from the parts of all ranks: {names}",))


def _part(row: _Row, found: Contents, shape: Any, metadata: Path) -> Tensor:
    tensor = found.tensors.get(()) or found.tensors.get((row.name,))
    if tensor is None or tensor.shape != shape:
        said = "is not there" if tensor is None else f"has shape {tensor.shape}"
        raise InputError(f"{metadata}: a part of {shown(row.name)} {said}; the metadata is of another checkpoint")
    return tensor


def _torch_rows(said: Placeholder, files: _Files) -> Iterator[_Row]:
    """The rows of torch's metadata: where each chunk begins in which file, a zip archive of its own."""
    where = str(files.folder / TORCH)
    stored: dict[str, dict[Any, dict[Any, Any]]] = {}
    for index, info in _pairs(said.attributes().get("storage_data"), where):
        key, place = _attributes(index, where), _attributes(info, where)
        if not isinstance(key.get("fqn"), str):
            raise InputError(f"{where}: says where a tensor without a name lies; it is damaged")
        stored.setdefault(key["fqn"], {})[_numbers(key.get("offset"))] = dict(place)
    paths = said.attributes().get("planner_data")
    for name, row in _named(said, where):
        about, places = _attributes(row, where), stored.get(name, {})
        chunks = about.get("chunks")
        keys = _keys(name, paths)
        if not isinstance(chunks, list):
            yield _Row(name, keys, None, [(None, _reader(files, place, where), None) for place in places.values()])
            continue
        parts = []
        for chunk in (_attributes(one, where) for one in chunks):
            offset, shape = _numbers(chunk.get("offsets")), _numbers(chunk.get("sizes"))
            place = places.get(offset, places.get(None) if len(chunks) == 1 else None)
            if place is None:
                raise InputError(f"{where}: does not say where a part of {shown(name)} lies; it is damaged")
            parts.append((offset, _reader(files, place, where), shape))
        yield _Row(name, keys, about.get("size"), parts)


def _reader(files: _Files, place: dict[Any, Any], where: str) -> Callable[[], Contents]:
    span = _numbers((place.get("offset"), place.get("length")))
    if span is None:
        raise InputError(f"{where}: says that a part lies at an impossible place; it is damaged")
    start, size = span
    if place.get("transform_descriptors"):
        raise InputError(f"{where}: the parts are compressed or encrypted; save them without, or by dcp_to_torch_save")

    def read() -> Contents:
        part = Window(files.mapped(place.get("relative_path")), start, size)
        if not size or not is_zip(part):
            raise InputError(f"{part.path}: no part lies where the metadata says; they are of two checkpoints")
        return torch_file.read_zip(part, read_directory(part))

    return read


def _paddle_rows(said: Placeholder, files: _Files) -> Iterator[_Row]:
    """The rows of Paddle's metadata: which file has which part of a tensor; each is a pickle of whole state dicts."""
    where = str(files.folder)
    stored: dict[tuple[Any, Any], Any] = {}
    for index, name in _pairs(said.attributes().get("storage_metadata"), where):
        key = _attributes(index, where)
        stored[key.get("tensor_key"), _numbers(key.get("global_offset"))] = name
    paths = said.attributes().get("flat_mapping")
    for name, rows in _named(said, where):
        parts, ends, told = [], list[tuple[int, ...]](), None
        for row in (_attributes(one, where) for one in (rows if isinstance(rows, list) else [rows])):
            offset, shape = _numbers(row.get("global_offset")), _numbers(row.get("local_shape"))
            if row.get("is_flattened") or offset is None or shape is None or (name, offset) not in stored:
                raise InputError(f"{where}: {shown(name)} is kept in a way that is not read here; load it in Paddle")
            told = told or _numbers(row.get("global_shape"))
            ends.append(tuple(o + n for o, n in zip(offset, shape, strict=False)))
            parts.append((offset, partial(files.pickled, stored[name, offset]), shape))
        yield _Row(name, _keys(name, paths), told or tuple(map(max, zip(*ends, strict=False))), parts)


def _keys(name: str, paths: Any) -> Keys:
    """A tensor's path through the nested dicts that were saved, if the metadata tells it."""
    path = paths.get(name) if isinstance(paths, dict) else None
    if not isinstance(path, tuple) or not path or not all(isinstance(key, str | int) for key in path):
        return (name,)
    return tuple(map(str, path))


def _pairs(found: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """The rows of a table; those of tensors are by their names."""
    if not isinstance(found, dict):
        raise InputError(f"{where}: not the metadata of a distributed checkpoint; it is damaged or something else")
    return iter(found.items())


def _named(said: Placeholder, where: str) -> Iterator[tuple[str, Any]]:
    """What the metadata says of each tensor."""
    for name, row in _pairs(said.attributes().get("state_dict_metadata"), where):
        if not isinstance(name, str):
            raise InputError(f"{where}: tells of a tensor without a name; it is damaged")
        yield name, row


def _attributes(found: Any, where: str) -> Any:
    if not isinstance(found, Placeholder):
        raise InputError(f"{where}: not the metadata of a distributed checkpoint; it is damaged or something else")
    return found.attributes()


def _numbers(found: Any) -> tuple[int, ...] | None:
    """A tuple of sane whole numbers."""
    if not isinstance(found, tuple | list) or not all(type(n) is int and 0 <= n < MAX_EXTENT for n in found):
        return None
    return tuple(found)
