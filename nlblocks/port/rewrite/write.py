"""One file, whole: its statements translated, then the imports and helpers that they turned out to need."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst

from nlblocks.port.collect import Wanted
from nlblocks.port.observe import Record
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite.file import File, Refused
from nlblocks.port.rewrite.imports import Imports, needed, placed
from nlblocks.port.rewrite.transform import translated
from nlblocks.port.rewrite.untyped import untyped


@dataclass(frozen=True, slots=True)
class Ported:
    """A file in torch: its ``source``, its text, what was refused in it and what was left out, with reasons."""

    module: str
    source: str
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
    if module.is_paddles:
        body = untyped(body)
    helpers = file.helper_texts
    absent = "".join(cst.Module([]).code_for_node(cst.SimpleStatementLine([part])) for part in imports.absent)
    if absent:
        helpers.append(absent.rstrip("\n"))
    bare = _with_helpers(placed(body, []), helpers)
    exports = wanted.exports if wanted is not None else set(module.top)
    missing = [line for line in needed(file, used_names(bare) | file.by_text) if line not in bare.splitlines()]
    text = _with_helpers(placed(body, [*missing, *file.brought]), helpers)
    if wanted is not None:
        text = without_unused(text, exports | file.by_text)
    return Ported(module.name, module.source, text, tuple(file.refused), tuple(file.notes), dict(file.rows))


def used_names(text: str) -> set[str]:
    """The names that a file reads."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def without_unused(text: str, exports: set[str]) -> str:
    """The text without imports at its top that nothing uses any more."""
    tree = ast.parse(text)
    used = used_names(text) | exports | _listed(tree)
    lines = text.splitlines()
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        kept = [a for a in node.names if a.name == "*" or (a.asname or a.name.partition(".")[0]) in used]
        if len(kept) == len(node.names):
            continue
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        if kept:
            node.names = kept
            lines[first:last] = [ast.unparse(node)]
        else:
            lines[first:last] = []
    return "\n".join(lines).rstrip() + "\n" if lines else ""


def _listed(tree: ast.Module) -> set[str]:
    """Text constants of __all__."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            found |= {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
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
