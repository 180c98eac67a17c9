"""torch checkpoints: the zip format and the older plain pickles, read without torch; the zip format, written."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.constructors import STORAGES, NumpyArray, Storage, TorchTensor, constructors
from nlblocks.weights.files.contents import Collected, Contents, Members, collect
from nlblocks.weights.files.dtypes import BY_STORAGE, DTYPES
from nlblocks.weights.files.inert import Name, module_members
from nlblocks.weights.files.limits import MAX_EXTENT, MAX_HEADER
from nlblocks.weights.files.pickle_vm import Unpickler, shown
from nlblocks.weights.files.pickle_writer import global_, integer, text, tuple_
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.tensors import Mapped, Tensor, row_major
from nlblocks.weights.files.zip_reader import Entry, inflate
from nlblocks.weights.files.zip_writer import ZipWriter

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_NUMBER = MAGIC[2:]
_SNIFFED = 2 + 9 + len(_NUMBER)
NOTE = ".data/nlblocks.json"


class Archive:
    """A zip archive of torch's: pickles that refer to storages beside them, stored as they are."""

    def __init__(self, file: Mapped, entries: Mapping[str, Entry]) -> None:
        self.file, self._entries = file, entries
        roots = [name.removesuffix("data.pkl") for name in entries if name.split("/")[-1] == "data.pkl"]
        if len(roots) != 1 or roots[0].count("/") > 1:
            raise InputError(f"{file.path}: the zip archive has no single data.pkl; it is not a torch checkpoint")
        self.root = roots[0]
        order = self.entry("byteorder")
        if order is not None and inflate(file, order, 16) != b"little":
            raise InputError(f"{file.path}: the checkpoint is big-endian; re-save it on a little-endian machine")

    def entry(self, name: str) -> Entry | None:
        """An entry below the archive's own folder, or None."""
        return self._entries.get(f"{self.root}{name}")

    def stored(self, name: str) -> Entry:
        """An entry that is not compressed, as all that holds values is."""
        entry = self.entry(name)
        if entry is None:
            raise InputError(f"{self.file.path}: {shown(name)} is not in the archive")
        if entry.deflated:
            raise InputError(f"{self.file.path}: {shown(name)} is compressed, which torch never does; it is refused")
        return entry

    def collected(self, pickled: str, storages: str, members: Members = module_members) -> Collected:
        """What is in one of its pickles, whose storages lie in the folder ``storages``."""

        def place(storage: Storage, key: str) -> None:
            entry = self.stored(f"{storages}{key}")
            if entry.size != storage.elements * storage.dtype.size:
                raise InputError(
                    f"{self.file.path}: the storage {shown(key)} has {entry.size} bytes, not the "
                    f"{storage.elements} × {storage.dtype.size} that the pickle says"
                )
            storage.start = entry.start

        file, data = self.file, self.stored(pickled)
        known = _Storages(file, place)
        reader = Unpickler(file, data.start, data.start + data.size, constructors(file), known.persistent)
        return collect(reader.load(), _as_tensor(file), str(file.path), members)


def read_zip(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    """A ``torch.save`` archive."""
    archive = Archive(file, entries)
    tensors, others, kinds = archive.collected("data.pkl", "data/")
    note = archive.entry(NOTE)
    if note is not None and note.size > MAX_HEADER:
        raise InputError(f"{file.path}: its metadata has {note.size} bytes, more than {MAX_HEADER}")
    metadata = inflate(file, note).decode("utf-8", "replace") if note is not None else ""
    return Contents("torch", tensors, others, metadata, layout="torch", kinds=kinds)


def is_legacy(file: Mapped) -> bool:
    """Whether the first pickle is torch's magic number, of protocol 2 or later: from 4 on it has a frame."""
    return bytes(file.bytes[:1]) == b"\x80" and _NUMBER in bytes(file.bytes[:_SNIFFED])


def read_legacy(file: Mapped) -> Contents:
    """The format before torch 1.6: five pickles in a row, then each storage as a count and its bytes."""
    where = str(file.path)
    storages = _Storages(file, None)
    position, values = bytes(file.bytes[:_SNIFFED]).index(_NUMBER) + len(_NUMBER), []
    for index in range(4):
        persistent = storages.persistent if index == 2 else None
        reader = Unpickler(file, position, file.size, constructors(file), persistent)
        values.append(reader.load())
        position = reader.position
    version, system, content, keys = values
    if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InputError(f"{where}: an old torch checkpoint of another version or byte order; re-save it with torch")
    if not isinstance(keys, list) or any(not isinstance(key, str) for key in keys):
        raise InputError(f"{where}: an old torch checkpoint without its list of storages; it is damaged")
    if len(set(keys)) != len(keys) or set(keys) != set(storages.known):
        raise InputError(f"{where}: the storages listed are not those that the tensors use; the file is refused")
    for key in keys:
        storage = storages.known[key]
        if position + 8 > file.size:
            raise InputError(f"{where}: the file is truncated: the storage {shown(key)} is missing")
        count = struct.unpack_from("<q", file.bytes, position)[0]
        if count != storage.elements:
            raise InputError(f"{where}: the storage {shown(key)} has {count} elements, not {storage.elements}")
        storage.start = position + 8
        position = storage.start + count * storage.dtype.size
        if position > file.size:
            raise InputError(f"{where}: the file is truncated inside the storage {shown(key)}")
    for view, whole, offset in storages.views:
        view.start = whole.start + offset * whole.dtype.size
    tensors, others, kinds = collect(content, _as_tensor(file), where)
    return Contents("torch (old)", tensors, others, kinds=kinds)


class _Storages:
    """What persistent ids mean: ('storage', type, key, device, elements), in old files with a view at the end."""

    def __init__(self, file: Mapped, place: Callable[[Storage, str], None] | None) -> None:
        self.known: dict[str, Storage] = {}
        self.views: list[tuple[Storage, Storage, int]] = []
        self._file, self._place = file, place

    def persistent(self, key: Any) -> Storage | Name:
        where = self._file.path
        if self._place is None and isinstance(key, tuple) and len(key) == 4 and key[0] == "module":
            if not isinstance(key[1], Name):
                raise InputError(f"{where}: a model's class is described in a way that torch does not")
            return key[1]  # beside it is its source
        fits = (
            isinstance(key, tuple) and (len(key) == 5 or (len(key) == 6 and self._place is None))
            and key[0] == "storage" and isinstance(key[1], Name) and key[1].name in STORAGES and isinstance(key[2], str)
            and isinstance(key[4], int) and 0 <= key[4] < MAX_EXTENT
        )  # fmt: skip
        if not fits:
            raise InputError(f"{where}: a storage is described in a way that torch does not; the file is refused")
        dtype = BY_STORAGE.get(key[1].name.rpartition(".")[2], DTYPES["uint8"])
        name, elements = key[2], key[4]
        storage = self.known.get(name)
        if storage is None:
            storage = self.known[name] = Storage(dtype, elements)
            if self._place is not None:
                self._place(storage, name)
        elif storage.dtype is not dtype or storage.elements != elements:
            raise InputError(f"{where}: the storage {shown(name)} is described in two ways; the file is refused")
        if len(key) == 6 and key[5] is not None:
            return self._view(storage, key[5])
        return storage

    def _view(self, storage: Storage, view: Any) -> Storage:
        inside = (
            isinstance(view, tuple) and len(view) == 3
            and all(isinstance(n, int) and n >= 0 for n in view[1:]) and view[1] + view[2] <= storage.elements
        )  # fmt: skip
        if not inside:
            raise InputError(f"{self._file.path}: a view reaches outside its storage; the file is refused")
        result = Storage(storage.dtype, view[2])
        self.views.append((result, storage, view[1]))
        return result


def _as_tensor(file: Mapped) -> Callable[[Any], Tensor | None]:
    def as_tensor(value: Any) -> Tensor | None:
        if isinstance(value, TorchTensor):
            return value.resolve(file)
        return value.tensor if isinstance(value, NumpyArray) else None

    return as_tensor


def write(sink: Sink, tensors: Mapping[str, Tensor], metadata: str, beside: Mapping[str, Any] | None = None) -> None:
    """An archive that ``torch.load(weights_only=True)`` reads as an OrderedDict of tensors.

    With ``beside``, of numbers, text, tensors and containers of these, as a dict of them and of that one, "model".
    """
    archive = ZipWriter(sink, "archive/")
    kept: list[Tensor] = []
    weights = _ordered(tensors, kept)
    content = weights if beside is None else _dict({text("model"): weights, **_items(beside, kept)})
    archive.add("data.pkl", b"\x80\x02" + content + b".")
    archive.add("byteorder", b"little")
    for index, tensor in enumerate(kept):
        archive.add(f"data/{index}", tensor)
    archive.add("version", b"3\n")
    if metadata:
        archive.add(NOTE, metadata.encode())
    archive.close()


_ORDERED = global_("collections", "OrderedDict") + b")R"


def _ordered(tensors: Mapping[str, Tensor], kept: list[Tensor]) -> bytes:
    return _ORDERED + b"(" + b"".join(text(name) + _tensor(tensor, kept) for name, tensor in tensors.items()) + b"u"


def _items(value: Mapping[Any, Any], kept: list[Tensor]) -> dict[bytes, bytes]:
    return {_value(key, kept): _value(item, kept) for key, item in value.items()}


def _dict(items: Mapping[bytes, bytes]) -> bytes:
    return b"}(" + b"".join(key + item for key, item in items.items()) + b"u"


def _value(value: Any, kept: list[Tensor]) -> bytes:
    if isinstance(value, Tensor):
        return _tensor(value, kept)
    if isinstance(value, Mapping):
        return _dict(_items(value, kept))
    if isinstance(value, list):
        return b"](" + b"".join(_value(item, kept) for item in value) + b"e"
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    return integer(value) if isinstance(value, int) else text(value)


def _tensor(tensor: Tensor, kept: list[Tensor]) -> bytes:
    index = len(kept)
    kept.append(tensor)
    typed = bool(tensor.dtype.storage)
    storage = global_("torch", tensor.dtype.storage) if typed else global_("torch.storage", "UntypedStorage")
    elements = tensor.nbytes // (tensor.dtype.size if typed else 1)
    rebuild = global_("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
    sizes, strides = (tuple_(map(integer, values)) for values in (tensor.shape, row_major(tensor.shape)))
    reference = tuple_([text("storage"), storage, text(str(index)), text("cpu"), integer(elements)]) + b"Q"
    arguments = [reference, integer(0), sizes, strides, b"\x89", _ORDERED]
    if not typed:
        arguments.append(global_("torch", tensor.dtype.name))
    return rebuild + tuple_(arguments) + b"R"
