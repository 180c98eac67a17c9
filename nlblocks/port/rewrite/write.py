"""One file, whole: its statements translated, then the imports and helpers that they turned out to need."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst

from nlblocks.port.observe import Record
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite.file import File, Refused
from nlblocks.port.rewrite.imports import Imports, needed, placed
from nlblocks.port.rewrite.transform import translated
from nlblocks.port.rewrite.untyped import untyped
from nlblocks.port.rewrite.unused import used_names, without_idle, without_unused
from nlblocks.port.sources import Left, Wanted
from nlblocks.port.table import row_of
from nlblocks.port.table.helpers import HELPERS


@dataclass(frozen=True, slots=True)
class Ported:
    """A file in torch: its ``source``, its text, what was refused in it and what was left out, with reasons.

    ``left`` are the methods that never ran and that nothing names: nothing stands in their place.
    """

    module: str
    source: str
    text: str
    refused: tuple[Refused, ...]
    notes: tuple[Refused, ...]
    rows: Mapping[str, int]
    left: tuple[Left, ...] = ()


def ported(
    module: Module, program: Program, record: Record, wanted: Wanted | None = None,
    changed: Mapping[str, str] | None = None,
) -> Ported:  # fmt: skip
    """A module's source in torch: the definitions that are wanted, all where none are named.

    ``changed`` are the framework's classes that a module changes: its file is the home of torch's class.
    Raises SyntaxError where it is no Python.
    """
    taken = frozenset(name for name, dotted in module.top.items() if not (dotted or "").startswith("paddle"))
    file = File(module, program, record.of(module.name), record, taken=taken, homes=_homes(changed or {}))
    imports = Imports(file, program, wanted)
    body = translated(file, imports)
    if module.is_paddles:
        body = untyped(body)
    body = without_idle(body, module.tree)
    absent = "".join(cst.Module([]).code_for_node(cst.SimpleStatementLine([part])) for part in imports.absent)
    absent += "".join(f"{line}\n" for line in imports.missing())
    helpers = file.helper_texts(used_names(body) | used_names(absent) | file.by_text)
    if absent:
        helpers.append(absent.rstrip("\n"))
    bare = _with_helpers(placed(body, []), helpers)
    exports = wanted.exports if wanted is not None else set(module.top)
    missing = [line for line in needed(file, used_names(bare) | file.by_text) if line not in bare.splitlines()]
    text = _with_helpers(placed(body, [*missing, *file.brought]), helpers)
    if wanted is not None:
        text = without_unused(text, exports | file.by_text).lstrip("\n")
    left = {one.name: one for one in wanted.methods.values() if not one.stub} if wanted is not None else {}
    told = tuple(file.refused), tuple(file.notes), dict(file.rows)
    return Ported(module.name, module.source, text, *told, tuple(left.values()))


def _homes(changed: Mapping[str, str]) -> dict[str, str]:
    """The module that holds each helper which is a class that some module changes, or a part of it."""
    found: dict[str, str] = {}
    for api, home in changed.items():
        row = row_of(api)
        waiting = [(row.torch or "").partition("(")[0]] if row is not None else []
        while waiting:
            name = waiting.pop()
            if name in HELPERS and name not in found:
                found[name] = home
                waiting += HELPERS[name].needs
    return found


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
