"""One file, whole: its statements translated, then the imports and helpers that they turned out to need."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from nlblocks.port.collect import Wanted
from nlblocks.port.observe import Record
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite.file import File, Refused
from nlblocks.port.rewrite.imports import Imports, needed, placed
from nlblocks.port.rewrite.transform import translated
from nlblocks.port.table.helpers import HELPERS


@dataclass(frozen=True, slots=True)
class Ported:
    """A file in torch: its text, what was refused in it and what was left out, with reasons."""

    module: str
    text: str
    refused: tuple[Refused, ...]
    notes: tuple[Refused, ...]
    rows: Mapping[str, int]


def ported(module: Module, program: Program, record: Record, wanted: Wanted | None = None) -> Ported:
    """A module's source in torch: the definitions that are wanted, all where none are named.

    Raises SyntaxError where it is no Python.
    """
    taken = frozenset(name for name, dotted in module.top.items() if not (dotted or "").startswith("paddle"))
    file = File(module, program, record.of(module.name), record, taken=taken)
    imports = Imports(file, program, wanted)
    body = translated(file, imports)
    text = placed(body, needed(file))
    text = _with_helpers(text, [HELPERS[name].text for name in file.helpers])
    return Ported(module.name, text, tuple(file.refused), tuple(file.notes), dict(file.rows))


def _with_helpers(text: str, helpers: list[str]) -> str:
    """The helpers behind the file's imports."""
    if not helpers:
        return text
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    last = imports[-1].end_lineno if imports else 0
    lines = text.splitlines()
    before, after = lines[:last], lines[last:]
    while after and not after[0].strip():
        after.pop(0)
    return "\n".join([*before, "", "", "\n\n\n".join(helpers), "", "", *after]).rstrip() + "\n"
