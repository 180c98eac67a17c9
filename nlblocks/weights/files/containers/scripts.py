"""TorchScript archives: the weights of a compiled program, by the names that its modules have. No program is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files import torch_file
from nlblocks.weights.files.contents import Contents, Model
from nlblocks.weights.files.inert import Placeholder
from nlblocks.weights.files.limits import MAX_HEADER
from nlblocks.weights.files.tensors import Mapped
from nlblocks.weights.files.zip_reader import Entry, inflate

_OWN = "__torch__."
_CLASS = re.compile(r"^class (\w+)\(Module\):\n  __parameters__ = \[([^\]]*)\]\n  __buffers__ = \[([^\]]*)\]", re.M)
_NAMES = re.compile(r'"([^"]*)"')


def read_script(file: Mapped, entries: Mapping[str, Entry]) -> Contents:
    """The parameters and buffers of each module. Raises InputError for a frozen program, whose modules have none."""
    archive = torch_file.Archive(file, entries)
    modules = _Modules(archive)
    tensors, others, kinds = archive.collected("data.pkl", "data/", modules.members)
    said = [value.cls.removeprefix(_OWN) for value in others.values() if isinstance(value, Model)]
    others = {path: value for path, value in others.items() if not isinstance(value, Model)}
    lines = tuple(f"TorchScript of {cls}; its program is not read" for cls in said[:1])
    if not tensors and archive.entry("constants/0") is not None:
        raise InputError(
            f"{file.path}: a frozen TorchScript program, whose weights have lost their names; give the file "
            "from before torch.jit.freeze"
        )
    return Contents("TorchScript", tensors, others, layout="torch", lines=lines, kinds=kinds)


class _Modules:
    """Which attributes of each module are its parameters and buffers: the program declares them for each class."""

    def __init__(self, archive: torch_file.Archive) -> None:
        self._archive = archive
        self._declared: dict[str, dict[str, list[str]]] = {}

    def members(self, found: Placeholder) -> dict[str, Any] | None:
        """The tensors and the modules of a module; None for any other object."""
        names = self._names(found.unread)
        if names is None:
            return None
        attributes = found.attributes()
        members = {name: attributes[name] for name in names if attributes.get(name) is not None}
        for name, value in attributes.items():
            if isinstance(value, Placeholder) and self._names(value.unread) is not None:
                members.setdefault(str(name), value)
        return members

    def _names(self, cls: str) -> list[str] | None:
        if not cls.startswith(_OWN):
            return None
        package, _, name = cls.rpartition(".")
        if package not in self._declared:
            self._declared[package] = self._read(f"code/{package.replace('.', '/')}.py")
        return self._declared[package].get(name)

    def _read(self, name: str) -> dict[str, list[str]]:
        entry = self._archive.entry(name)
        if entry is None:
            return {}
        if entry.size > MAX_HEADER:
            raise InputError(f"{self._archive.file.path}: its program has {entry.size} bytes, more than {MAX_HEADER}")
        source = inflate(self._archive.file, entry).decode("utf-8", "replace")
        return {match[1]: _NAMES.findall(match[2]) + _NAMES.findall(match[3]) for match in _CLASS.finditer(source)}
