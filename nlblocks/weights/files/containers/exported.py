"""torch.export's .pt2 archives: the state dict beside the program, which is not read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files import torch_file
from nlblocks.weights.files.contents import Contents
from nlblocks.weights.files.contents import Path as Keys
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.files.limits import MAX_HEADER
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.safetensors_file import parse_json
from nlblocks.weights.files.tensors import Mapped, Tensor, Window, strided
from nlblocks.weights.files.zip_reader import Entry, inflate, read_directory

OLDER = "serialized_state_dict.pt"
EXPORTED = frozenset({OLDER, "archive_format", "serialized_exported_program.json"})
"""Entries by which an archive is known."""
_CONFIG = re.compile(r"(.*/)?data/weights/\w*weights_config\.json")
_CODES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2",
    34: "uint32", 35: "uint64",
}  # fmt: skip
"""ScalarType of torch's export schema."""


def read_exported(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    """The parameters and persistent buffers, by the names of the state dict."""
    older = next((entry for name, entry in entries.items() if name.split("/")[-1] == OLDER), None)
    if older is not None and not older.deflated:
        part = Window(file, older.start, older.size)
        found = torch_file.read_zip(part, read_directory(part))
        return Contents("torch.export", found.tensors, found.others, layout="torch", lines=_LINES)
    configs = [name for name in entries if _CONFIG.fullmatch(name)]
    if not configs:
        raise InputError(
            f"{file.path}: a torch.export archive without weights, such as a compiled one; give the model's"
        )
    tensors: dict[Keys, Tensor] = {}
    for name in configs:
        folder = name.rpartition("/")[0]
        for key, row in _rows(file, entries[name]):
            if (key,) in tensors:
                raise InputError(f"{file.path}: two tensors are called {shown(key)}; the file is refused")
            tensors[key,] = _tensor(file, entries, folder, key, row)
    return Contents("torch.export", tensors, layout="torch", lines=_LINES)


_LINES = ("torch.export; its program is not read",)


def _rows(file: Mapped, entry: Entry) -> list[tuple[str, Any]]:
    if entry.size > MAX_HEADER:
        raise InputError(f"{file.path}: {shown(entry.name)} has {entry.size} bytes, more than {MAX_HEADER}")
    found = parse_json(inflate(file, entry), f"{file.path}: {shown(entry.name)}").get("config")
    if not isinstance(found, dict):
        raise InputError(f"{file.path}: {shown(entry.name)} lists no weights; the file is damaged")
    return list(found.items())


def _tensor(file: Mapped, entries: Mapping[str, Entry], folder: str, name: str, row: Any) -> Tensor:
    where = f"{file.path}: {shown(name)}"
    row = row if isinstance(row, dict) else {}
    meta = row.get("tensor_meta")
    meta = meta if isinstance(meta, dict) else {}
    if row.get("use_pickle"):
        raise InputError(f"{where}: is kept as a pickle, so a tensor of another kind; save plain tensors")
    entry = entries.get(f"{folder}/{row.get('path_name')}")
    code = meta.get("dtype")
    if entry is None or entry.deflated or not isinstance(code, int) or code not in _CODES:
        raise InputError(f"{where}: its values or its dtype are not in the archive; the file is damaged")
    dtype = DTYPES[_CODES[code]]
    shape, strides = (_numbers(meta.get(key)) for key in ("sizes", "strides"))
    return strided(dtype, shape, strides, file, entry.start, _number(meta.get("storage_offset")),
                   entry.size // dtype.size, where)  # fmt: skip


def _numbers(found: Any) -> list[Any]:
    return [_number(one) for one in found] if isinstance(found, list) else []


def _number(found: Any) -> Any:
    return found.get("as_int") if isinstance(found, dict) else None
