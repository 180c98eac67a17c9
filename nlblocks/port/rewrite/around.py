"""What stands around an expression: the brackets that it needs there, and who catches what it raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import Refusal, code, expression
from nlblocks.port.rewrite.file import Walk

LOOSE = (cst.BinaryOperation, cst.UnaryOperation, cst.BooleanOperation, cst.Comparison, cst.IfExp, cst.Lambda)
FREE = (cst.Assign, cst.Return, cst.Arg, cst.Expr, cst.AugAssign, cst.AnnAssign, cst.Element, cst.Index)
CATCHING = ("Exception", "BaseException", "NotImplementedError", "RuntimeError")
"""What catches NotImplementedError."""


def in_brackets(result: Any, original: cst.BaseExpression) -> cst.BaseExpression:
    """A result with the brackets that its original had."""
    if original.lpar and not result.lpar:
        return result.with_changes(lpar=original.lpar, rpar=original.rpar)
    return result


def safe(result: cst.BaseExpression, original: cst.BaseExpression, walk: Walk) -> cst.BaseExpression:
    """In brackets where it is an operation in the place of a call, and something binds tighter around it."""
    if isinstance(result, LOOSE) and not result.lpar and not isinstance(walk.parent(original), FREE):
        return result.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return result


def not_turned_twice(result: cst.BaseExpression) -> cst.BaseExpression:
    """A matrix itself, where what a linear weight is turned by is turned back: ``w.t().permute(1, 0)``."""
    again = r"t\(\)|permute\((1, 0|\*range\(.*\)\[::-1\])\)|transpose\((0, 1|1, 0)\)"
    plain = re.sub(rf"\.t\(\)\.({again})$", "", code(result))
    return result if plain == code(result) else expression(plain)


def undoubled(node: cst.UnaryOperation) -> cst.BaseExpression:
    """``not x.stop_gradient``, which is not the opposite of torch's attribute, but that itself."""
    inner = node.expression
    if not (isinstance(node.operator, cst.Not) and isinstance(inner, cst.UnaryOperation)):
        return node
    told = isinstance(inner.operator, cst.Not) and code(inner.expression).endswith(".requires_grad")
    return inner.expression if told else node


def is_caught(node: cst.CSTNode, walk: Walk) -> bool:
    """Whether a program that tries an expression goes on where that is not ported."""
    while not isinstance(node, cst.Module):
        outer = walk.parent(node)
        if isinstance(outer, cst.Try) and outer.body is node:
            return any(handler.type is None or code(handler.type) in CATCHING for handler in outer.handlers)
        node = outer
    return False


def check_scopes(checks: Sequence[str], node: cst.CSTNode, walk: Walk) -> None:
    """Raise Refusal where a check, which stands before the statement, reads what a lambda or a comprehension binds."""
    bound: set[str] = set()
    while not isinstance(node, cst.BaseStatement | cst.Module):
        node = walk.parent(node)
        if isinstance(node, cst.Lambda):
            bound |= {code(p.name) for p in [*node.params.params, *node.params.kwonly_params]}
        elif isinstance(node, cst.BaseComp):
            each: cst.CompFor | None = node.for_in
            while each is not None:
                bound |= {code(name) for name in matchers.findall(each.target, matchers.Name())}
                each = each.inner_for_in
    read = {name for text in checks for name in re.findall(r"(?<![\w.])[A-Za-z_]\w*", text)}
    if bound & read:
        raise Refusal(f"{', '.join(sorted(bound & read))} is to be checked, and is bound within the expression")


def as_paddles(original: cst.BaseExpression, updated: cst.BaseExpression, transform: Walk) -> cst.BaseExpression:
    """An operand as Paddle has it: a linear layer's weight is [out, in] in torch."""
    weight = isinstance(original, cst.Attribute) and original.attr.value == "weight"
    place = transform.place(original) if weight else None
    turned = place is not None and place.receiver.kinds == {"Layer:paddle.nn.Linear"}
    return expression(f"{code(updated)}.t()") if turned else updated
