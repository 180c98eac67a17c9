"""Which steps relate things of a picture to one another: two tensors that meet with an axis of each in the result."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.drawing.seen import Seen
from nlblocks.drawing.steps import Step

WEIGHING = {"softmax", "masked_fill", "cat", "mul", "div", "add", "sub", "relu", "where"}
"""Kinds that leave relations relations: scaled, masked, joined, made to sum to 1."""


def relations(numbers: Sequence[int], seen: Seen) -> set[int]:
    """The steps among these that make relations, by number; a product with relations is none, it uses them."""
    found, weights = set[int](), set[int]()
    for number in numbers:
        step = seen.steps[number]
        known = any(use.source in weights for use in step.uses)
        if known and step.kind in WEIGHING:
            weights.add(step.output)
        elif not known and _relates(step, seen):
            found.add(number)
            weights.add(step.output)
    return found


def _relates(step: Step, seen: Seen) -> bool:
    """Whether a step pairs every entry of one tensor with every entry of another."""
    if len(step.uses) != 2:
        return False
    if step.kind == "matmul":
        return True
    first, second = ({extent.text for extent in seen.extents(use.read)} for use in step.uses)
    result = {extent.text for extent in seen.extents(step.output)}
    return step.kind == "add" and first < result and second < result
