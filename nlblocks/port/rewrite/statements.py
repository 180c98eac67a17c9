"""Statements that do nothing in torch."""

from __future__ import annotations

from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import code


def without_nothing(original: cst.With, updated: cst.With) -> cst.With | cst.FlattenSentinel[Any]:
    """A block without contexts that do nothing in torch: its statements alone where no other is left."""
    kept = [
        item
        for item, before in zip(updated.items, original.items, strict=True)
        if code(item.item) != "nullcontext()" or code(before.item) == "nullcontext()" or item.asname is not None
    ]
    if len(kept) == len(updated.items) or not isinstance(updated.body, cst.IndentedBlock):
        return updated
    if kept:
        last = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated.with_changes(items=[*kept[:-1], last])
    if any(line.comment is not None for line in updated.body.footer):
        return updated
    first: Any = updated.body.body[0]
    first = first.with_changes(leading_lines=[*updated.leading_lines, *first.leading_lines])
    return cst.FlattenSentinel([first, *updated.body.body[1:]])
