"""What one ported file needs besides its statements: imports, helpers, and what was refused in it."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import libcst as cst

from nlblocks.port.observe import Place, Record, Site
from nlblocks.port.observe.record import FileRecord
from nlblocks.port.resolve import Module, Program
from nlblocks.port.table.helpers import HELPERS

IMPORTS: Mapping[str, tuple[str, str]] = {
    "torch": ("import torch", "torch"),
    "nn": ("from torch import nn", "torch.nn"),
    "F": ("import torch.nn.functional as F", "torch.nn.functional"),
    "partial": ("from functools import partial", "functools.partial"),
    "nullcontext": ("from contextlib import nullcontext", "contextlib.nullcontext"),
    "OrderedDict": ("from collections import OrderedDict", "collections.OrderedDict"),
    "namedtuple": ("from collections import namedtuple", "collections.namedtuple"),
    "logging": ("import logging", "logging"),
    "math": ("import math", "math"),
    "np": ("import numpy as np", "numpy"),
    "torchvision": ("import torchvision", "torchvision"),
}
"""What the table's texts may name, how a file imports it, and what that is."""


SUFFIX = "_torch"
"""What a ported package's name ends in."""


class Walk(Protocol):
    """A syntax tree on the way: where a node stands, what is around it, and what was seen there."""

    meaning: Any
    file: File
    depth: int

    def site(self, node: cst.CSTNode) -> Site: ...

    def parent(self, node: cst.CSTNode) -> cst.CSTNode: ...

    def place(self, node: cst.CSTNode) -> Place | None: ...

    def refused(self, api: str, original: Any, why: str) -> cst.BaseExpression: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that was not ported: the API, where, and why."""

    api: str
    module: str
    line: int
    why: str


@dataclass
class File:
    """One file on its way: what it was, what was seen in it, and what it will need."""

    module: Module
    program: Program
    seen: FileRecord
    record: Record
    used: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    held: dict[str, cst.BaseExpression] = field(default_factory=dict)
    truths: dict[str, set[str]] = field(default_factory=dict)
    helpers: dict[str, None] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    notes: list[Refused] = field(default_factory=list)
    brought: dict[str, None] = field(default_factory=dict)
    by_text: set[str] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    homes: Mapping[str, str] = field(default_factory=dict)
    """The modules that hold helpers for all others: classes that they change."""
    taken: frozenset[str] = frozenset()
    """Names that the file gives to something of its own at its top."""
    local: list[frozenset[str]] = field(default_factory=list)
    """The names that functions bind, of those around the statement at hand."""

    def use(self, name: str) -> str:
        """The name under which the file has torch, nn, F, ...: it will be imported."""
        self.used.add(name)
        if name in ("nn", "F") and (name in self.taken or any(name in names for names in self.local)):
            self.used.add("torch")
            return IMPORTS[name][1]
        return name

    def named(self, text: str) -> str:
        """A dotted name of the table, its root imported or brought along."""
        root, dot, rest = text.partition(".")
        if root in IMPORTS:
            return f"{self.use(root)}{dot}{rest}"
        return self.helper(root) + dot + rest if root in HELPERS else text

    def helper(self, name: str) -> str:
        """The name of a helper, which will stand in the file."""
        home = self.homes.get(name, self.module.name)
        if home != self.module.name:
            return self.bring(home, name)
        if name not in self.helpers:
            for other in HELPERS[name].needs:
                if other in HELPERS:
                    self.helper(other)
                else:
                    self.use(other)
            self.helpers[name] = None
        return self._name_of(name)

    def _name_of(self, helper: str) -> str:
        return f"{helper}_" if helper in self.taken | self.module.local else helper

    def bring(self, module: str, name: str) -> str:
        """The name under which the file has a definition of some ported module: it will be imported."""
        if module == self.module.name:
            return name
        root, dot, rest = module.partition(".")
        own = f"{name}_" if name in self.taken | self.module.local or name in vars(builtins) else name
        line = f"from {root}{SUFFIX}{dot}{rest} import {name}{f' as {own}' if own != name else ''}"
        self.brought.setdefault(line)
        return own

    def helper_texts(self, names: Collection[str]) -> list[str]:
        """The helpers that a text which reads these names needs, under names that nothing else in the file has."""
        called = "|".join(self.helpers)
        kept: set[str] = set()
        waiting = [name for name in self.helpers if self._name_of(name) in names]
        while waiting:
            kept.add(name := waiting.pop())
            waiting += [other for other in HELPERS[name].needs if other in HELPERS and other not in kept]
        return [
            re.sub(rf"(?<![\w.])({called})(?=[(:])", lambda found: self._name_of(found.group()), HELPERS[name].text)
            for name in self.helpers
            if name in kept
        ]

    def refuse(self, api: str, line: int, why: str) -> None:
        self.refused.append(Refused(api, self.module.name, line, why))

    def note(self, api: str, line: int, why: str) -> None:
        found = Refused(api, self.module.name, line, why)
        if found not in self.notes:
            self.notes.append(found)
