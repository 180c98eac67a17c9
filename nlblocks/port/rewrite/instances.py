"""``isinstance(x, (A, B))`` where Paddle tells classes apart that are one in torch, and the like by names as text."""

from __future__ import annotations

from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import code
from nlblocks.port.rewrite.class_names import asked_names
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.table import row_of


def instances(original: cst.Call, updated: cst.Call, walk: Walk) -> cst.Call:
    """Each class named once; what is an instance in torch alone is noted."""
    if code(original.func) != "isinstance" or len(original.args) != 2:
        return asked_names(original, updated, walk)
    asked, written = original.args[1].value, updated.args[1].value
    apis = [walk.meaning.api(walk.site(node)) for node in _classes(asked)]
    place = walk.place(original)
    for kind in place.arguments["0"].kinds if place is not None and "0" in place.arguments else ():
        own = kind.removeprefix("Layer:")
        alike = [api for api in apis if api and api != own and _torchs(api) == _torchs(own) != ""]
        if alike and own not in apis:
            what = f"a {own} is no {alike[0]} in Paddle, and both are {_torchs(own)} in torch"
            walk.file.note(alike[0], walk.site(original)[0], f"isinstance: {what}")
    once = {code(node): node for node in _classes(written)}
    if not isinstance(written, cst.Tuple) or len(once) == len(written.elements):
        return updated
    kept: Any = next(iter(once.values()))
    if len(once) > 1:
        kept = written.with_changes(elements=[cst.Element(node) for node in once.values()])
    return updated.with_changes(args=[updated.args[0], updated.args[1].with_changes(value=kept)])


def _classes(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    return [element.value for element in node.elements] if isinstance(node, cst.Tuple) else [node]


def _torchs(api: str) -> str:
    """What a layer is in torch; "" where that is not one class."""
    row = row_of(api)
    return (row.torch or "").partition("(")[0] if row is not None else ""
