"""What is not carried: left out before anything is read, or a method that raises in its place."""

from __future__ import annotations

import ast

import libcst as cst

from nlblocks.port.resolve import Module
from nlblocks.port.rewrite.argument import code
from nlblocks.port.rewrite.file import File
from nlblocks.port.rewrite.imports import Imports
from nlblocks.port.sources import Left

METHODS = frozenset({"classmethod", "staticmethod", "property", "setter"})
"""Decorators that say what kind of method one is."""


def raising(node: cst.FunctionDef, left: Left, file: File) -> cst.FunctionDef:
    """The method with its name and kind, that takes anything and raises."""
    file.refuse(left.name, left.line, left.why)
    stays = [d for d in node.decorators if code(d.decorator).rpartition(".")[2] in METHODS]
    bare = any(code(d.decorator) == "staticmethod" for d in stays)
    first = "" if bare or not node.params.params else f"{node.params.params[0].name.value}, "
    what = f"{left.name} ({file.module.name}, line {left.line}): {left.why}"
    text = f"def {node.name.value}({first}*args, **kwargs):\n    {file.helper('not_ported')}({what!r})\n"
    made = cst.parse_statement(text)
    assert isinstance(made, cst.FunctionDef)
    return made.with_changes(decorators=stays, leading_lines=node.leading_lines)


def without(module: Module, imports: Imports) -> str:
    """A module's source, one long text in the place of each definition that is not kept: to read these takes time.

    It is one of two values, so that nobody takes it for a comment on what follows.
    """
    lines = module.source.splitlines(keepends=True)
    for node in module.tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not imports.keeps(first):
            last = node.end_lineno or first
            text = "\n" * (last - first)
            lines[first - 1 : last] = [f'0, """{text}"""\n', *[""] * (last - first)]
    return "".join(lines)
