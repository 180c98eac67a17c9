"""Statements that do nothing in torch, and those that stand before and after others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import code


@dataclass
class Block:
    """A body of statements on the way down: what was checked in it, and what waits around the statement at hand."""

    checked: set[str] = field(default_factory=set)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def taken(self) -> tuple[list[str], list[str]]:
        """What stands before and after the statement at hand, and waits no more."""
        found = self.before, self.after
        self.before, self.after = [], []
        return found


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


def surrounded(statement: Any, before: Sequence[str], after: Sequence[str]) -> Any:
    """A statement between others, its comments above the first."""
    if not before and not after:
        return statement
    statements = [*statement] if isinstance(statement, cst.FlattenSentinel) else [statement]
    first = [cst.parse_statement(f"{text}\n") for text in before]
    if first:
        first[0] = first[0].with_changes(leading_lines=statements[0].leading_lines)
        statements[0] = statements[0].with_changes(leading_lines=())
    return cst.FlattenSentinel([*first, *statements, *(cst.parse_statement(f"{text}\n") for text in after)])
