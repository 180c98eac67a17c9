"""Statements that do nothing in torch, or say a thing twice."""

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


def each_once(original: cst.Tuple, updated: cst.Tuple, parent: cst.CSTNode, call: cst.CSTNode) -> cst.Tuple:
    """The classes that isinstance asks for: two of Paddle's may be one of torch's."""
    asked = isinstance(parent, cst.Arg) and isinstance(call, cst.Call) and code(call.func) == "isinstance"
    texts = [code(element.value) for element in updated.elements]
    before = [code(element.value) for element in original.elements]
    if not asked or len(set(texts)) == len(texts) or len(set(before)) < len(before) or len(set(texts)) == 1:
        return updated
    kept = [element for index, element in enumerate(updated.elements) if texts[index] not in texts[:index]]
    last = kept[-1].with_changes(comma=updated.elements[-1].comma)
    return updated.with_changes(elements=[*kept[:-1], last])
