"""A module's code with a watcher at every call and every attribute: the same code, at the same lines."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from importlib.util import decode_source
from pathlib import Path

CALLED = "__nlblocks_called__"
LOOKED = "__nlblocks_looked__"
GAVE = "__nlblocks_gave__"
DECORATOR = "__nlblocks_decorator__"
ENTERED = "__nlblocks_entered__"
"""Names under which the watched module finds the watcher's functions."""

OF_THE_FRAME = frozenset({"super", "locals", "globals", "vars", "dir", "eval", "exec", "breakpoint"})
"""Builtins that read their caller's frame: of these only the result is seen."""

READ_AGAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop,
              ast.expr_context)  # fmt: skip
"""What may be read once more than the program does."""

Site = tuple[int, int, int, int]
"""Where an expression stands: line and column of its start and end, columns in characters from 0."""


class Sites:
    """The place of a node as columns in characters: Python's own are in bytes of UTF-8."""

    def __init__(self, source: str) -> None:
        self.lines = source.splitlines()

    def of(self, node: ast.expr | ast.stmt) -> Site:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return node.lineno, self._column(node.lineno, node.col_offset), end_line, self._column(end_line, end)

    def _column(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


def source_of(path: Path) -> str:
    """A file's text, in the encoding that it names. Raises SyntaxError or UnicodeDecodeError for what is no Python."""
    return decode_source(path.read_bytes())


def instrumented(source: str, path: str) -> tuple[ast.Module, list[Site]]:
    """The syntax tree of a file with watchers, and the places by their number. Raises SyntaxError for no Python."""
    tree = ast.parse(source, path)
    watch = _Watch(Sites(source))
    watched = watch.visit(tree)
    return ast.fix_missing_locations(watched), watch.found


class _Watch(ast.NodeTransformer):
    """f(a) becomes CALLED(n, f, a), x.name becomes LOOKED(n, x).name, and eval(a) becomes GAVE(n, a, eval(a)).

    x += a becomes x += GAVE(n, x, a).
    A function says first that it was entered, by the line of its "def".
    """

    def __init__(self, sites: Sites) -> None:
        self.sites = sites
        self.found: list[Site] = []

    def _number(self, node: ast.expr | ast.stmt) -> ast.Constant:
        self.found.append(self.sites.of(node))
        return ast.Constant(len(self.found) - 1)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        number = self._number(node)
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in OF_THE_FRAME:
            if node.func.id != "eval" or not isinstance(node.args[0], ast.Name | ast.Attribute | ast.Constant):
                return node
            return _call(GAVE, [number, copy.deepcopy(node.args[0]), node], [], node)
        return _call(CALLED, [number, node.func, *node.args], node.keywords, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        number = self._number(node)
        self.generic_visit(node)
        node.value = _call(LOOKED, [number, node.value], [], node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        number = self._number(node)
        changed = copy.deepcopy(node.target)
        self.generic_visit(node)
        if all(isinstance(part, READ_AGAIN) for part in ast.walk(changed)):
            for part in ast.walk(changed):
                if isinstance(getattr(part, "ctx", None), ast.Store):
                    part.ctx = ast.Load()  # type: ignore[attr-defined]
            node.value = _call(GAVE, [number, changed, node.value], [], node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.target = self.visit(node.target)
        if node.value is not None:
            node.value = self.visit(node.value)
        return node  # an annotation is no code that runs

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        returns, node.returns = node.returns, None
        decorators, node.decorator_list = node.decorator_list, []
        self.generic_visit(node)
        node.returns, node.decorator_list = returns, self._decorators(decorators)
        first = node.body[0]
        told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)  # a docstring stays the first
        entered = _call(ENTERED, [ast.Constant(node.lineno)], [], first)
        node.body.insert(int(told), ast.copy_location(ast.Expr(entered), first))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        decorators, node.decorator_list = node.decorator_list, []
        self.generic_visit(node)
        node.decorator_list = self._decorators(decorators)
        return node

    def _decorators(self, found: list[ast.expr]) -> list[ast.expr]:
        """Decorators whose results are seen."""
        watched: list[ast.expr] = []
        for decorator in found:
            number = self._number(decorator)
            if isinstance(decorator, ast.Name) and decorator.id in ("property", "staticmethod", "classmethod"):
                watched.append(decorator)
            else:
                watched.append(_call(DECORATOR, [number, self.visit(decorator)], [], decorator))
        return watched

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        node.guard = self.visit(node.guard) if node.guard is not None else None
        node.body = [self.visit(statement) for statement in node.body]
        return node  # a pattern is no expression


def _call(name: str, arguments: Sequence[ast.expr], keywords: list[ast.keyword], at: ast.expr | ast.stmt) -> ast.Call:
    found = ast.Call(func=ast.Name(name, ast.Load()), args=list(arguments), keywords=keywords)
    return ast.copy_location(found, at)
