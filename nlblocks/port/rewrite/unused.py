"""What a ported file no longer needs: imports, and local variables that only Paddle's arguments read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

PURE = (
    ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.List, ast.Dict,
)  # fmt: skip
"""Expressions that do nothing but give a value, where their parts do no more."""
HARMLESS = frozenset(
    {"partial", "fixed", "float", "int", "len", "max", "min", "round", "range", "math.sqrt", "np.sqrt"}
)
"""Functions whose call does no more than that."""
BY_NAME = frozenset({"locals", "vars", "eval", "exec", "dir"})
"""What may read a variable without naming it."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def used_names(text: str) -> set[str]:
    """The names that a file reads."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def without_unused(text: str, exports: set[str]) -> str:
    """The text without imports at its top that nothing uses any more."""
    tree = ast.parse(text)
    used = used_names(text) | exports | _listed(tree)
    lines = text.splitlines()
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "module", "") == "__future__":
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


def without_idle(text: str, original: ast.Module) -> str:
    """The text without assignments to local variables that the original read and the port does not: names of layers."""
    read = {name: _reads(function) for name, function in _functions(original.body)}
    lines = text.split("\n")
    while True:
        functions = list(_functions(ast.parse("\n".join(lines)).body))
        idle = [s for name, one in functions for s in _idle(one.body, _unread(one, read.get(name, set())), lines)]
        if not idle:
            return "\n".join(lines)
        for statement in sorted(idle, key=lambda one: one.lineno, reverse=True):
            first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
            if first and not lines[first - 1].strip() and last < len(lines) and not lines[last].strip():
                last += 1
            del lines[first:last]


def _functions(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Functions and methods by their dotted names; those inside functions belong to them."""
    for node in body:
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _reads(function: ast.AST) -> set[str]:
    """The names that a function reads, deletes, changes in place, or has from outside."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
    return found


def _unread(function: Function, read: set[str]) -> set[str]:
    """Of the names that were read those that a function does not read any more."""
    now = _reads(function)
    return read - now if not now & BY_NAME else set()


def _idle(body: Sequence[ast.stmt], names: set[str], lines: Sequence[str]) -> Iterator[ast.stmt]:
    """The statements of a block that only give values to variables of these names; never all of a block."""
    found = [statement for statement in body if _is_idle(statement, names, lines)]
    if len(found) < len(body):
        yield from found
    for statement in body:
        if statement not in found and not isinstance(statement, Function | ast.ClassDef):
            for block in ("body", "orelse", "finalbody"):
                yield from _idle(getattr(statement, block, ()), names, lines)


def _is_idle(statement: ast.stmt, names: set[str], lines: Sequence[str]) -> bool:
    if isinstance(statement, ast.If):
        return _is_pure(statement.test) and all(_is_idle(s, names, lines) for s in (*statement.body, *statement.orelse))
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    (target,) = statement.targets
    alone = not lines[statement.lineno - 1].encode()[: statement.col_offset].strip()
    rest = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset :].strip()
    return (
        isinstance(target, ast.Name)
        and target.id in names
        and _is_pure(statement.value)
        and alone
        and (not rest or rest.startswith(b"#"))
    )


def _is_pure(node: ast.expr) -> bool:
    inside = (inner for inner in ast.walk(node) if isinstance(inner, ast.expr))
    return all(isinstance(e, PURE) or (isinstance(e, ast.Call) and ast.unparse(e.func) in HARMLESS) for e in inside)
