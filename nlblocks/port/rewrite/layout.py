"""Arguments as they are written: by keyword or not, with the commas and blank space of the original; blank lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import Argument, code, expression


def keyword(arg: cst.Arg | None, name: str, value: cst.BaseExpression) -> cst.Arg:
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    if arg is None:
        return cst.Arg(value=value, keyword=cst.Name(name), equal=equal)
    kept = arg.equal if isinstance(arg.equal, cst.AssignEqual) else equal
    return arg.with_changes(value=value, keyword=cst.Name(name), equal=kept)


def spliced(argument: Argument, arg: cst.Arg) -> list[cst.Arg]:
    """An argument for torch's *parameter: the items of a literal list, else the expression with a star."""
    node = argument.node
    if isinstance(node, cst.List | cst.Tuple):
        return [cst.Arg(value=e.value, star="*" if isinstance(e, cst.StarredElement) else "") for e in node.elements]
    if argument.fits("int") or argument.fits("text"):
        return [arg.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)]
    return [arg.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT, star="*")]


def commas(args: list[cst.Arg], original: Sequence[cst.Arg]) -> list[cst.Arg]:
    """Arguments with commas between them, and after the last what stood after the last before."""
    if not args:
        return args
    several = [a.comma for a in original[:-1] if isinstance(a.comma, cst.Comma)]
    between = (
        several[0].deep_clone()
        if several and "#" not in code(several[0])
        else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    )
    spaced = [
        arg if isinstance(arg.comma, cst.Comma) and arg is not original[-1] else arg.with_changes(comma=between)
        for arg in args[:-1]
    ]
    last = original[-1].comma if original else cst.MaybeSentinel.DEFAULT
    after = original[-1].whitespace_after_arg if original else cst.SimpleWhitespace("")
    return [*spaced, args[-1].with_changes(comma=last, whitespace_after_arg=after)]


def blank_lines(statement: Any) -> int:
    """How many blank lines stand right before a statement, or before its comments."""
    count = 0
    for line in statement.leading_lines:
        if line.comment is not None:
            break
        count += 1
    return count


def with_blank_lines(statement: Any, count: int) -> Any:
    """A statement, or several, with at least so many blank lines before."""
    if isinstance(statement, cst.FlattenSentinel):
        first, *others = statement
        return cst.FlattenSentinel([with_blank_lines(first, count), *others])
    missing = [cst.EmptyLine(indent=False)] * (count - blank_lines(statement))
    return statement.with_changes(leading_lines=[*missing, *statement.leading_lines])


def quoted(value: Any) -> str:
    """A value as it is written: text in the quotes of habit."""
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text


WIDTH = 79
"""How long a line may be on which a call is joined: Paddle's own code keeps to it."""


def joined(call: cst.BaseExpression, original: cst.BaseExpression, column: int) -> cst.BaseExpression:
    """A call that lost arguments, on one line where that is short, and holds no comment."""
    if not isinstance(call, cst.Call) or not isinstance(original, cst.Call) or len(call.args) >= len(original.args):
        return call
    text = code(call)
    if "\n" not in text or "#" in text:
        return call
    plain = cst.SimpleWhitespace("")
    args = [arg.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=plain) for arg in call.args]
    line = f"{code(call.func)}({', '.join(map(code, args))})"
    return call if "\n" in line or column + len(line) > WIDTH else expression(line)
