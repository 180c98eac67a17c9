"""Arguments that are given to an API beforehand, by functools.partial, and what asks whose arguments they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst

from nlblocks.port.observe import Place
from nlblocks.port.rewrite.argument import Refusal, code, expression
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.class_names import compared_names
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.table.row import Row


def given_beforehand(
    original: cst.Call, updated: cst.Call, row: Row, api: str, file: File, transform: Walk, rules: Mapping[str, Any]
) -> Written:
    """``partial(nn.LayerNorm, epsilon=1e-6)`` in torch's words, also of a variable that held the API. Raises Refusal.

    Where the arguments say how parameters start, what is called is a class of its own that starts them so.
    """
    first, *others = updated.args
    inner = updated.with_changes(func=first.value, args=others)
    kept = None if transform.meaning.api(transform.site(original.args[0].value)) else first.value
    call = Call(row, api, inner, file, _shifted(transform.place(original)), None, kept)
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


def held(original: cst.Call, transform: Walk) -> str:
    """The API whose arguments are given beforehand, by its name or in a variable; "" for what is none of Paddle's.

    Raises Refusal where a variable held several, or what it holds is not known.
    """
    first = original.args[0].value
    place, api = transform.place(original), transform.meaning.api(transform.site(first))
    if api or len(original.args) == 1:
        return api
    kinds = place.arguments["0"].kinds if place is not None else set()
    apis = {kind.removeprefix("api:") for kind in kinds if kind.startswith("api:paddle.")}
    if len(apis) > 1 or (apis and len(kinds) > 1):
        raise Refusal(f"arguments are given beforehand to one of several: {', '.join(sorted(kinds))}")
    if place is None and transform.site(first) not in transform.meaning.names:
        raise Refusal("this never ran, and nothing tells to what arguments are given beforehand")
    return next(iter(apis), "")


def _shifted(place: Place | None) -> Place | None:
    """What was seen of the arguments behind the first."""
    if place is None:
        return None
    seen = {str(int(name) - 1) if name.isdigit() else name: found for name, found in place.arguments.items()}
    return Place(arguments={name: found for name, found in seen.items() if name != "-1"})


def compared(original: cst.Comparison, updated: cst.Comparison, transform: Walk) -> cst.BaseExpression:
    """``given.func == nn.InstanceNorm2D`` also holds of the class of its own that starts its parameters otherwise."""
    asked = original.left
    if len(original.comparisons) != 1 or not isinstance(asked, cst.Attribute) or asked.attr.value != "func":
        return compared_names(original, updated, transform)
    target = original.comparisons[0]
    name = transform.meaning.api(transform.site(target.comparator)).rpartition(".")[2]
    if not name[:1].isupper() or not isinstance(target.operator, cst.Equal | cst.Is | cst.NotEqual | cst.IsNot):
        return updated
    left = code(updated.left)
    return updated.with_changes(left=expression(f'getattr({left}, "unstarted", {left})'))
