"""Mutations of what a model's author wrote: the text of a layer's method is read, changed in one place and run anew."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from benchmarks.soundness.places import Mutation, Place, become, is_native
from benchmarks.soundness.tampering import TAMPERS, Tamper, tampered

Edit = Callable[[ast.FunctionDef], Iterator[tuple[str, Callable[[], None]]]]
"""The places of a function where an edit can be made, each with what makes it; they are made in the tree itself."""
TAMPER, OWN = "_tampered", "_own_class"


@cache
def text_of(function: Any) -> str:
    """The source of a function of a model."""
    return textwrap.dedent(inspect.getsource(function))


def methods(module: Any) -> dict[str, Any]:
    """What the author of a layer wrote beside its constructor."""
    own = type(module)
    return {
        name: function
        for name, function in vars(own).items()
        if inspect.isfunction(function) and not name.startswith("__") and name != "train"
        and set(function.__code__.co_freevars) <= {"__class__"}
    }  # fmt: skip


def parsed(function: Any) -> ast.FunctionDef:
    tree = ast.parse(text_of(function)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    return tree


def places(edit: Edit, extra: Callable[[Any], Any] | None = None) -> Callable[[Any, Any], list[Place]]:
    """Every place in the methods of the author's layers where ``edit`` can be made."""

    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for path, module in side.modules(model).items():
            if is_native(side, module):
                continue
            for name, function in methods(module).items():
                rewrite = partial(_rewrite, side, module, name, function, edit, extra)
                found += [
                    Place(f"{path or 'the model'}.{name}: {label}", partial(rewrite, index))
                    for index, (label, _) in enumerate(edit(parsed(function)))
                ]
        return found

    return find


def _rewrite(
    side: Any, module: Any, name: str, function: Any, edit: Edit, extra: Callable[[Any], Any] | None, index: int
) -> None:
    tree = parsed(function)
    list(edit(tree))[index][1]()
    for node in ast.walk(tree):  # super() without arguments knows its class by a cell, which a new function lacks
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            node.args = [ast.Name(OWN, ast.Load()), ast.Name("self", ast.Load())]
    unit = ast.fix_missing_locations(ast.Module([tree], []))
    scope = {**function.__globals__, OWN: type(module), TAMPER: extra and extra(side)}
    exec(compile(unit, "<mutant>", "exec"), scope)
    become(module, **{name: scope[name]})


def nodes(tree: ast.AST) -> Iterator[tuple[ast.expr, Callable[[ast.expr], None]]]:
    """Every expression, with what puts another in its place."""
    for parent in ast.walk(tree):
        if isinstance(parent, ast.arguments):
            continue
        for name, value in ast.iter_fields(parent):
            if name in ("annotation", "returns", "type_comment"):
                continue
            if isinstance(value, ast.expr):
                yield value, partial(setattr, parent, name)
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.expr):
                        yield item, partial(value.__setitem__, i)


def rule(change: Callable[[ast.expr], ast.expr | None]) -> Edit:
    """An edit that replaces expressions, from a function that gives the new one, or None for those it is not for."""

    def edit(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
        for node, put in list(nodes(tree)):
            if isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            new = change(node)
            if new is not None:
                yield f"{ast.unparse(node)} -> {ast.unparse(new)}", partial(put, new)

    return edit


def _wrapped(node: ast.expr) -> ast.expr | None:
    """Results of calls and of arithmetic."""
    if not isinstance(node, ast.Call | ast.BinOp | ast.Subscript):
        return None
    return ast.Call(ast.Name(TAMPER, ast.Load()), [node], [])


def _tampering(tamper: Tamper) -> Callable[[Any], Any]:
    return lambda side: lambda value: tampered(side, tamper, value)


INSIDE = tuple(Mutation(name=name, find=places(rule(_wrapped), _tampering(tamper))) for name, tamper in TAMPERS.items())
"""The tamperings, made between two operations of a layer."""
