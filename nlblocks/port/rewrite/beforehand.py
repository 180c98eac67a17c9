"""Arguments that are given to an API beforehand, by functools.partial, and what asks whose arguments they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst

from nlblocks.port.observe import Place
from nlblocks.port.rewrite.argument import Refusal, code, expression
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.table.row import Row


def given_beforehand(
    original: cst.Call, updated: cst.Call, row: Row, api: str, file: File, transform: Walk, rules: Mapping[str, Any]
) -> Written:
    """``partial(nn.LayerNorm, epsilon=1e-6)`` in torch's words. Raises Refusal.

    Where the arguments say how parameters start, what is called is a class of its own that starts them so.
    """
    first, *others = updated.args
    inner = updated.with_changes(func=first.value, args=others)
    call = Call(row, api, inner, file, _shifted(transform.place(original)))
    written: Written = rules[row.rule](call, original, transform) if row.rule in rules else call.written()
    node = written.node
    if written.lacking or not isinstance(node, cst.Call):
        raise Refusal("parameters that lack, said beforehand")
    kind = node.func
    if written.starts:
        starts = ", ".join(f"{name}={code(start)}" for name, start in written.starts.items())
        kind = expression(f"{file.helper('starting')}({code(kind)}, {starts})")
    comma = original.args[0].comma if node.args else cst.MaybeSentinel.DEFAULT
    args = [first.with_changes(value=kind, comma=comma), *node.args]
    return Written(updated.with_changes(args=args), written.checks, dropped=written.dropped)


def _shifted(place: Place | None) -> Place | None:
    """What was seen of the arguments behind the first."""
    if place is None:
        return None
    seen = {str(int(name) - 1) if name.isdigit() else name: found for name, found in place.arguments.items()}
    return Place(arguments={name: found for name, found in seen.items() if name != "-1"})


def compared(original: cst.Comparison, updated: cst.Comparison, transform: Walk) -> cst.BaseExpression:
    """``given.func == nn.InstanceNorm2D`` also holds of a class of its own that starts its parameters."""
    left = original.left
    if len(original.comparisons) != 1 or not isinstance(left, cst.Attribute) or left.attr.value != "func":
        return updated
    target = original.comparisons[0]
    name = transform.meaning.api(transform.site(target.comparator)).rpartition(".")[2]
    same = isinstance(target.operator, cst.Equal | cst.Is)
    if not name[:1].isupper() or not (same or isinstance(target.operator, cst.NotEqual | cst.IsNot)):
        return updated
    text = f"issubclass({code(updated.left)}, {code(updated.comparisons[0].comparator)})"
    return expression(text if same else f"not {text}").with_changes(lpar=updated.lpar, rpar=updated.rpar)
