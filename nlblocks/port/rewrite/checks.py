"""Where a function checks its arguments: at its head, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import code


def at_the_head(function: cst.FunctionDef, expect: str) -> cst.FunctionDef:
    """The function with the checks of its arguments at its head, where it makes them whatever happens.

    ``expect`` is what a check is called in its file.
    """
    if not isinstance(function.body, cst.IndentedBlock):
        return function
    check = matchers.SimpleStatementLine([matchers.Expr(matchers.Call(matchers.Name(expect)))])
    kept = _kept(function)
    found: dict[str, list[str]] = {}
    for statement in function.body.body:
        if matchers.matches(statement, check):
            name, values = _read(statement)
            if name in kept:
                found[name] = [value for value in found.get(name, values) if value in values]
        if matchers.findall(statement, matchers.Return()):
            break
    found = {name: values for name, values in found.items() if values}
    if not found:
        return function
    rest: Any = function.body.visit(_Without(found, check))
    body = list(rest.body)
    at = _head(body)
    checks = [cst.parse_statement(f"{expect}({name}, {', '.join(values)})\n") for name, values in found.items()]
    return function.with_changes(body=function.body.with_changes(body=[*body[:at], *checks, *body[at:]]))


def _kept(function: cst.FunctionDef) -> set[str]:
    """The parameters that keep what they were given."""
    parameters = function.params
    names = {parameter.name.value for parameter in (*parameters.params, *parameters.kwonly_params)}
    binding: Any = matchers.AssignTarget() | matchers.AugAssign() | matchers.AnnAssign() | matchers.NamedExpr()
    binding = binding | matchers.For() | matchers.CompFor() | matchers.AsName()
    bound: Any = matchers.findall(function.body, binding)
    return names - {name for node in bound for name in _names(getattr(node, "target", None) or node.name)}


def _names(target: Any) -> set[str]:
    """The names that a target binds: not those of whose attributes and items it sets some."""
    if isinstance(target, cst.Tuple | cst.List):
        return {name for element in target.elements for name in _names(element.value)}
    return {target.value} if isinstance(target, cst.Name) else set()


def _read(statement: Any) -> tuple[str, list[str]]:
    """What a check is of, and the values that it lets through."""
    first, *others = (code(arg.value) for arg in statement.body[0].value.args)
    return first, others


def _head(body: Sequence[Any]) -> int:
    """How many statements stand before a function's own: its docstring, and what its base does."""
    at = 0
    while at < len(body) and isinstance(body[at], cst.SimpleStatementLine):
        first = body[at].body[0]
        says = isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)
        if not says and not (isinstance(first, cst.Expr) and ".__init__(" in code(first)):
            break
        at += 1
    return at


class _Without(cst.CSTTransformer):
    """Leaves out checks that let through all that the head's let through, and keeps the comments above them."""

    def __init__(self, found: dict[str, list[str]], check: Any) -> None:
        super().__init__()
        self.found, self.check = found, check

    def leave_IndentedBlock(self, original: cst.IndentedBlock, updated: cst.IndentedBlock) -> cst.IndentedBlock:
        body: list[Any] = []
        above: list[cst.EmptyLine] = []
        for statement in updated.body:
            own = statement.leading_lines  # type: ignore[attr-defined]
            if matchers.matches(statement, self.check) and self._is_made(statement):
                above += own
                continue
            lines = [*above, *own]
            body.append(statement.with_changes(leading_lines=lines))
            above = []
        return updated.with_changes(body=body)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def _is_made(self, statement: Any) -> bool:
        name, values = _read(statement)
        return name in self.found and set(self.found[name]) <= set(values)
