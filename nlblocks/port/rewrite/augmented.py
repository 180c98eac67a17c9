"""``x += y``: Paddle makes a new tensor, and torch changes the one that ``x`` may share with others."""

from __future__ import annotations

from typing import Any

import libcst as cst

from nlblocks.port.rewrite.again import is_repeatable
from nlblocks.port.rewrite.argument import code
from nlblocks.port.rewrite.around import LOOSE, as_paddles
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.rewrite.meaning import TENSORS

TIGHTER = (cst.Multiply, cst.Divide, cst.FloorDivide, cst.Modulo, cst.MatrixMultiply, cst.Power)
"""Operations that need no brackets in a sum."""


def augmented(original: cst.AugAssign, updated: cst.AugAssign, transform: Walk) -> cst.BaseSmallStatement:
    """Written out where a tensor was changed, or by what the source tells where it never ran."""
    place = transform.place(original)
    if place is not None and "0" in place.arguments:
        tensor = bool(place.arguments["0"].kinds & TENSORS)
    else:
        tensor = transform.meaning.guess.changed(transform.site(original)) == "Tensor"
    if not tensor or not is_repeatable(original.target):
        return updated  # an item that is set again, or what is not to be read twice
    operator = getattr(cst, type(updated.operator).__name__.removesuffix("Assign"))()
    value = updated.value
    sum_of = isinstance(operator, cst.Add | cst.Subtract) and isinstance(value, cst.BinaryOperation)
    tight = sum_of and isinstance(value.operator, TIGHTER)  # type: ignore[attr-defined]
    if isinstance(value, LOOSE) and not tight and not value.lpar:
        value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    value = as_paddles(original.value, value, transform)
    read: Any = cst.parse_expression(code(updated.target))
    return cst.Assign([cst.AssignTarget(updated.target)], cst.BinaryOperation(read, operator, value))
