"""Functions that start a parameter, as the port writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import Refusal, code, literal
from nlblocks.port.rewrite.file import File

OF_VECTORS = frozenset({"xavier_uniform", "xavier_normal"})
"""Helpers that start a parameter and need no arguments."""


def is_start(node: cst.BaseExpression) -> bool:
    """Whether an expression is a function that starts a parameter, as the port writes it."""
    if isinstance(node, cst.Name):
        return node.value in OF_VECTORS
    if isinstance(node, cst.Attribute):
        return re.fullmatch(r"(torch\.)?nn\.init\.\w+_", code(node)) is not None
    return isinstance(node, cst.Call) and (code(node.func) in ("partial", "functools.partial") or _is_fixed(node))


def _is_fixed(node: cst.Call) -> bool:
    """Whether it is the helper's start of a parameter that is not trained."""
    return code(node.func).rstrip("_") == "fixed"


def is_zero(fill: cst.BaseExpression, file: File) -> bool:
    """Whether an initialiser, here or at the top of a module, fills with zeros."""
    if isinstance(fill, cst.Name):
        return _constant(fill.value, file) == 0
    if not isinstance(fill, cst.Call) or code(fill.func) != "partial":
        return code(fill) == "nn.init.zeros_"
    name, *settings = fill.args
    values = [literal(arg.value) for arg in settings if arg.keyword is None or arg.keyword.value == "val"]
    return code(name.value) == "nn.init.zeros_" or (code(name.value) == "nn.init.constant_" and values == [0])


def _constant(name: str, file: File) -> Any:
    """What the initialiser that a module's name holds fills with, where that is one literal value; else None."""
    if any(name in names for names in file.local):
        return None
    module, _, own = file.program.split(file.program.origin(file.module.top.get(name) or "", file.module))
    given = [
        node.value
        for node in (module.tree.body if module is not None else ())
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == [own]
    ]
    if module is None or len(given) != 1 or not isinstance(given[0], ast.Call):
        return None
    api = module.names.get(module.sites.of(given[0].func), "")
    values = [*given[0].args, *(keyword.value for keyword in given[0].keywords)]
    if file.program.origin(api, module) != "paddle.nn.initializer.Constant" or len(values) != 1:
        return None
    return literal(cst.parse_expression(ast.unparse(values[0])))


def outcomes(node: cst.BaseExpression) -> set[str]:
    """The kinds of an expression that gives None or a truth value whatever its names hold; none for any other."""
    if isinstance(node, cst.IfExp | cst.BooleanOperation):
        one, other = (node.body, node.orelse) if isinstance(node, cst.IfExp) else (node.left, node.right)
        found = outcomes(one), outcomes(other)
        return found[0] | found[1] if all(found) else set()
    negated = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)
    if negated or isinstance(node, cst.Comparison) or isinstance(literal(node), bool):
        return {"bool"}
    return {"None"} if literal(node) is None else set()


def applied(start: cst.BaseExpression, parameter: str) -> list[str]:
    """The statements that start a parameter."""
    if isinstance(start, cst.Call) and _is_fixed(start):
        fills = [arg.value for arg in start.args if arg.keyword is None]
        told = next((code(arg.value) for arg in start.args if arg.keyword is not None), "False")
        texts = [text for fill in fills for text in (applied if is_start(fill) else _tried)(fill, parameter)]
        return [*texts, f"{parameter}.requires_grad_({told})"]
    if is_start(start) and isinstance(start, cst.Call) and start.args:
        first, *others = [code(arg).rstrip().rstrip(",") for arg in start.args]
        return [f"{first}({', '.join([parameter, *others])})"]
    return [f"{atom(start)}({parameter})"]


def turned(start: cst.BaseExpression, file: File) -> cst.BaseExpression:
    """A start of a Linear weight, [in, out] in Paddle: values that it is given stand the other way round in torch.

    Raises Refusal where they are not to be seen.
    """
    found = start.visit(_Turned(file))
    assert isinstance(found, cst.BaseExpression)
    if code(found) == code(start):
        raise Refusal("values of a Linear weight are given the other way round in torch")
    return found


class _Turned(cst.CSTTransformer):
    def __init__(self, file: File) -> None:
        super().__init__()
        self.file = file

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        args = updated_node.args
        if code(updated_node.func) != "partial" or len(args) != 2 or code(args[0].value) != "assign":
            return updated_node
        value = args[1].value
        made = isinstance(value, cst.Call) and re.fullmatch(r"torch\.\w+", code(value.func))
        text = code(value) if made else f"{self.file.use('torch')}.as_tensor({code(value)})"
        return updated_node.with_changes(
            args=[args[0], args[1].with_changes(value=cst.parse_expression(f"{text}.t()"))]
        )


def is_there(node: cst.BaseExpression) -> str:
    """Whether there is a parameter, of what is False for none: a condition that chooses between the two, itself."""
    if isinstance(node, cst.IfExp) and outcomes(node):
        one, other = (literal(side) for side in (node.body, node.orelse))
        if one is False and other is None:
            return f"not {atom(node.test)}"
        if one is None and other is False:
            return code(node.test)
    return f"{atom(node)} is not False"


def _tried(fill: cst.BaseExpression, parameter: str) -> list[str]:
    """The statement that starts a parameter by what may be None."""
    return [f"if {atom(fill)} is not None:\n    {atom(fill)}({parameter})"]


def plainly(node: cst.BaseExpression) -> cst.BaseExpression:
    """A truth value that a condition chooses, as that condition: ``not frozen`` for ``False if frozen else True``."""
    if not isinstance(node, cst.IfExp):
        return node
    chosen = literal(node.body), literal(node.orelse)
    if chosen == (False, True):
        return cst.UnaryOperation(cst.Not(), cst.parse_expression(atom(node.test)))
    return node.test if chosen == (True, False) else node


def atom(node: cst.BaseExpression) -> str:
    """The text of an expression, in brackets where an operator beside it would tear it apart."""
    plain = (
        cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float, cst.SimpleString, cst.List, cst.Tuple,
        cst.Dict, cst.ListComp,
    )  # fmt: skip
    text = code(node)
    if node.lpar or (isinstance(node, plain) and not isinstance(node, cst.Tuple)):
        return text
    return f"({text})"


def code_of(starts: Mapping[str, cst.BaseExpression]) -> str:
    return "".join(f"{name}={code(start)}" for name, start in starts.items())
