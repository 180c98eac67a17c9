"""Names that are looked up by text: ``getattr(F, name)``, ``eval(name)``."""

from __future__ import annotations

import libcst as cst

from nlblocks.port.observe import Place
from nlblocks.port.rewrite.again import bound, named_once
from nlblocks.port.rewrite.argument import UNKNOWN, code, expression, literal
from nlblocks.port.rewrite.file import File
from nlblocks.port.table import row_of


def by_text(original: cst.Call, updated: cst.Call, place: Place | None, file: File) -> cst.BaseExpression | None:
    """The call that looks a name up, with torch's names for Paddle's; None where it is no such call."""
    function = code(original.func)
    if function not in ("getattr", "eval") or place is None or not place.names:
        return None
    index = 1 if function == "getattr" else 0
    if len(updated.args) <= index:
        return None
    renamed = {}
    for text, api in place.names.items():
        row = row_of(api)
        head = (row.value or (row.torch or "").partition("(")[0]) if row is not None else ""
        if not head or "{" in head:
            return None
        file.named(head)
        if function == "eval":
            file.by_text.add(head.partition(".")[0])
        new = head.rpartition(".")[2] if function == "getattr" else head
        if new != text:
            renamed[text] = new
    if not renamed:
        return updated
    argument = updated.args[index]
    known = literal(argument.value)
    if known is not UNKNOWN:
        value = expression(repr(renamed.get(known, known)))
    else:
        found = f"{renamed!r}.get({{name}}, {{name}})"
        names = named_once(found, {"name": argument.value})
        text = names.get("name") or code(argument.value)
        value = expression(bound(found.replace("{name}", text), names, {"name": argument.value}))
    args = list(updated.args)
    args[index] = argument.with_changes(value=value)
    return updated.with_changes(args=args)
