"""What is changed in a model's text: arithmetic, calls, arguments, slices, statements, what is returned."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.soundness.places import Mutation
from benchmarks.soundness.source import Edit, places, rule

POINTWISE = {
    "relu", "relu_", "relu6", "gelu", "silu", "swish", "tanh", "sigmoid", "softplus", "elu", "leaky_relu", "hardswish",
    "hardsigmoid", "softmax", "log_softmax", "normalize", "exp", "sqrt", "rsqrt", "dropout", "clamp", "clip", "flip",
    "roll", "contiguous", "square", "abs", "pad", "cumsum", "layer_norm", "detach", "round", "float", "masked_fill",
}  # fmt: skip
MODULES = {"torch", "paddle", "F", "nn", "math"}
AXES = {"dim", "axis"}
MASKS = {"masked_fill", "masked_fill_", "where"}


def called(node: ast.AST) -> str:
    """The last part of the name of what is called."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def subject(node: ast.Call) -> ast.expr | None:
    """The tensor that an operation is for: ``x`` of ``F.relu(x)`` and of ``x.relu()``."""
    if isinstance(node.func, ast.Attribute):
        root = node.func.value
        name = root.id if isinstance(root, ast.Name) else root.attr if isinstance(root, ast.Attribute) else ""
        if name not in MODULES and name != "functional":
            return root
    return node.args[0] if node.args else None


def renamed(node: ast.Call, name: str) -> ast.expr:
    new = copy.deepcopy(node)
    if isinstance(new.func, ast.Attribute):
        new.func.attr = name
    return new


def _dropped_call(node: ast.expr) -> ast.expr | None:
    return subject(node) if isinstance(node, ast.Call) and called(node) in POINTWISE else None


def _dropped_layer(node: ast.expr) -> ast.expr | None:
    """``self.norm(x)`` or ``layer(x)`` becomes x."""
    if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
        return None
    own = (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "self"
    )
    return node.args[0] if own or (isinstance(node.func, ast.Name) and node.func.id in ("layer", "block")) else None


def _side(kind: type[ast.operator], which: str) -> Callable[[ast.expr], ast.expr | None]:
    def change(node: ast.expr) -> ast.expr | None:
        return getattr(node, which) if isinstance(node, ast.BinOp) and isinstance(node.op, kind) else None

    return change


def _operator(kind: type[ast.operator], other: type[ast.operator]) -> Callable[[ast.expr], ast.expr | None]:
    def change(node: ast.expr) -> ast.expr | None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, kind):
            return ast.BinOp(node.left, other(), node.right)
        return None

    return change


def _exchanged(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
        return ast.BinOp(node.right, node.op, node.left)
    if called(node) in ("matmul", "bmm") and isinstance(node, ast.Call) and len(node.args) == 2:
        return ast.Call(node.func, node.args[::-1], node.keywords)
    return None


def _constant(kind: type, change: Callable[[Any], Any]) -> Callable[[ast.expr], ast.expr | None]:
    def edit(node: ast.expr) -> ast.expr | None:
        return ast.Constant(change(node.value)) if isinstance(node, ast.Constant) and type(node.value) is kind else None

    return edit


def _names(table: dict[str, str]) -> Callable[[ast.expr], ast.expr | None]:
    """A call of another function."""

    def change(node: ast.expr) -> ast.expr | None:
        name = table.get(called(node))
        return renamed(node, name) if name and isinstance(node, ast.Call) else None

    return change


def _keyword(names: set[str], change: Callable[[ast.expr], ast.expr | None]) -> Edit:
    """An edit of the values of some arguments by name."""

    def edit(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in names:
                new = change(node.value)
                if new is not None:
                    yield f"{node.arg}={ast.unparse(new)}", partial(setattr, node, "value", new)

    return edit


def _dropped_keyword(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for word in node.keywords:
                if word.arg not in (None, "dtype"):
                    yield f"{ast.unparse(node)} without {word.arg}", partial(node.keywords.remove, word)


def _other_axis(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return ast.Constant({-1: -2, 1: 2, 2: 1, 0: 1, 3: 2}.get(node.value, -1))
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return ast.UnaryOp(ast.USub(), ast.Constant(2 if node.operand.value == 1 else 1))
    return None


def _flipped(node: ast.expr) -> ast.expr | None:
    return ast.Constant(not node.value) if isinstance(node, ast.Constant) and isinstance(node.value, bool) else None


MODES = {
    "nearest": "bilinear", "bilinear": "nearest", "reflect": "replicate", "replicate": "reflect", "mean": "sum",
    "sum": "mean", "constant": "replicate", "border": "zeros", "zeros": "border", "tanh": "none", "none": "tanh",
}  # fmt: skip


def _other_mode(node: ast.expr) -> ast.expr | None:
    other = MODES.get(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    return ast.Constant(other) if other else None


def _slice(node: ast.expr) -> ast.expr | None:
    """``1:`` for ``:-1``, one step less or more at an end."""
    if not isinstance(node, ast.Slice):
        return None
    if node.lower is not None and node.upper is None:
        return ast.Slice(None, ast.UnaryOp(ast.USub(), node.lower), node.step)
    if isinstance(node.upper, ast.UnaryOp) and node.lower is None:
        return ast.Slice(node.upper.operand, None, node.step)
    return None


def _reordered(node: ast.expr) -> ast.expr | None:
    """The first two of a list or tuple exchanged: concatenations, permutations, what is returned."""
    if not isinstance(node, ast.List | ast.Tuple) or len(node.elts) < 2 or not isinstance(node.ctx, ast.Load):
        return None
    return type(node)([node.elts[1], node.elts[0], *node.elts[2:]], ast.Load())


def _exchange(items: list[Any], i: int) -> None:
    items[i], items[i + 1] = items[i + 1], items[i]


def _exchanged_targets(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    """``q, k = ...`` becomes ``k, q = ...``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Store) and len(node.elts) > 1:
            yield f"{ast.unparse(node)} exchanged", partial(_exchange, node.elts, 0)


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                yield body


def _dropped_statement(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    for body in _bodies(tree):
        for i, statement in enumerate(body):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.If | ast.For):
                label = ast.unparse(statement).splitlines()[0]
                yield f"without {label}", partial(body.__setitem__, i, ast.Pass())


def _exchanged_statements(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    for body in _bodies(tree):
        for i in range(len(body) - 1):
            if all(isinstance(statement, ast.Assign | ast.AugAssign) for statement in body[i : i + 2]):
                label = " | ".join(ast.unparse(statement) for statement in body[i : i + 2])
                yield f"exchanged: {label}", partial(_exchange, body, i)


def _repeated_statement(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
    for body in _bodies(tree):
        for i, statement in enumerate(body):
            if isinstance(statement, ast.Assign | ast.AugAssign):
                yield f"twice: {ast.unparse(statement)}", partial(body.insert, i, copy.deepcopy(statement))


def _condition(node: ast.expr) -> ast.expr | None:
    return ast.IfExp(node.test, node.orelse, node.body) if isinstance(node, ast.IfExp) else None


def _comparison(node: ast.expr) -> ast.expr | None:
    table: dict[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    }  # fmt: skip
    if isinstance(node, ast.Compare) and type(node.ops[0]) in table:
        return ast.Compare(node.left, [table[type(node.ops[0])]()], node.comparators)
    return None


def _mask_dropped(node: ast.expr) -> ast.expr | None:
    if not isinstance(node, ast.Call) or called(node) not in MASKS:
        return None
    return node.args[-1] if called(node) == "where" else subject(node)


def _mask_inverted(node: ast.expr) -> ast.expr | None:
    if not isinstance(node, ast.Call) or called(node) not in MASKS or len(node.args) < 2:
        return None
    return ast.Call(node.func, [ast.UnaryOp(ast.Invert(), node.args[0]), *node.args[1:]], node.keywords)


def _returned(change: Callable[[ast.expr], ast.expr | None]) -> Edit:
    def edit(tree: ast.FunctionDef) -> Iterator[tuple[str, Callable[[], None]]]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and node.value is not None:
                new = change(node.value)
                if new is not None:
                    yield f"return {ast.unparse(new)}", partial(setattr, node, "value", new)

    return edit


def _less(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return node.elts[0] if len(node.elts) == 2 else ast.Tuple(node.elts[:-1], ast.Load())
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        return ast.Dict(node.keys[:-1], node.values[:-1])
    return None


def _values_exchanged(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        return ast.Dict(node.keys, [node.values[1], node.values[0], *node.values[2:]])
    return _reordered(node)


def _whole_off(node: ast.expr) -> ast.expr | None:
    """An index or a choice off by one."""
    if called(node) in ("argmax", "argmin", "argsort", "round", "floor", "floor_divide"):
        return ast.BinOp(node, ast.Add(), ast.Constant(1))
    return None


REDUCTIONS = {"mean": "sum", "sum": "mean"}
ACTIVATIONS = {
    "relu": "silu", "gelu": "silu", "tanh": "sigmoid", "sigmoid": "tanh", "silu": "relu", "softplus": "relu",
    "elu": "relu", "leaky_relu": "relu", "softmax": "log_softmax", "log_softmax": "softmax",
}  # fmt: skip
RULES: dict[str, Edit] = {
    "operation dropped": rule(_dropped_call),
    "layer's call dropped": rule(_dropped_layer),
    "addend dropped": rule(_side(ast.Add, "left")),
    "addend alone": rule(_side(ast.Add, "right")),
    "factor dropped": rule(_side(ast.Mult, "left")),
    "divisor dropped": rule(_side(ast.Div, "left")),
    "subtrahend dropped": rule(_side(ast.Sub, "left")),
    "sign of an addend": rule(_operator(ast.Add, ast.Sub)),
    "difference to sum": rule(_operator(ast.Sub, ast.Add)),
    "product to sum": rule(_operator(ast.Mult, ast.Add)),
    "power dropped": rule(_side(ast.Pow, "left")),
    "operands exchanged": rule(_exchanged),
    "constant scaled by 1.01": rule(_constant(float, lambda v: 1.01 * v)),
    "constant scaled by 2": rule(_constant(float, lambda v: 2.0 * v)),
    "whole number off by one": rule(_constant(int, lambda v: v + 1)),
    "whole number off by minus one": rule(_constant(int, lambda v: v - 1)),
    "other axis": _keyword(AXES, _other_axis),
    "flag turned": rule(_flipped),
    "argument left out": _dropped_keyword,
    "other mode": rule(_other_mode),
    "slice moved": rule(_slice),
    "order of a list": rule(_reordered),
    "names exchanged": _exchanged_targets,
    "sum for mean": rule(_names(REDUCTIONS)),
    "max for mean": rule(_names({"mean": "amax", "amax": "mean", "max": "amax"})),
    "min for max": rule(_names({"max": "min", "amax": "amin", "argmax": "argmin", "topk": "sort"})),
    "other activation": rule(_names(ACTIVATIONS)),
    "statement dropped": _dropped_statement,
    "statements exchanged": _exchanged_statements,
    "statement twice": _repeated_statement,
    "condition turned": rule(_condition),
    "comparison off": rule(_comparison),
    "mask dropped": rule(_mask_dropped),
    "mask inverted": rule(_mask_inverted),
    "output dropped": _returned(_less),
    "outputs exchanged": _returned(_values_exchanged),
    "index off by one": rule(_whole_off),
}  # fmt: skip
RENAMING = {"names exchanged", "order of a list"}
"""Edits that may do no more than give two layers each other's names, which the other model has others for: that is
known by the weights that stand there alone, so that each side keeps its own."""
EDITS = tuple(Mutation(name=name, find=places(edit), keeps=name in RENAMING) for name, edit in RULES.items())
