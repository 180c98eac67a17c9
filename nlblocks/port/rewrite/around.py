"""What stands around an expression: the brackets that it needs there, and who catches what it raises."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import code, expression
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


def as_paddles(original: cst.BaseExpression, updated: cst.BaseExpression, transform: Walk) -> cst.BaseExpression:
    """An operand as Paddle has it: a linear layer's weight is [out, in] in torch."""
    weight = isinstance(original, cst.Attribute) and original.attr.value == "weight"
    place = transform.place(original) if weight else None
    turned = place is not None and place.receiver.kinds == {"Layer:paddle.nn.Linear"}
    return expression(f"{code(updated)}.t()") if turned else updated
