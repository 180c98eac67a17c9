"""Which steps relate things of a picture to one another: two tensors that meet with an axis of each in the result."""

from __future__ import annotations

from collections import Counter
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


def ways(seen: Seen) -> list[list[Step]]:
    """Each relation, as the step that makes it and those that go on with it, up to a softmax."""
    found = []
    for number in sorted(relations(range(len(seen.steps)), seen)):
        way = [seen.steps[number]]
        for step in seen.steps[number + 1 :]:
            on = any(use.source == other.output for use in step.uses for other in way)
            if on and step.kind in WEIGHING and way[-1].kind != "softmax":
                way.append(step)
        found.append(way)
    return found


def _relates(step: Step, seen: Seen) -> bool:
    """Whether a step pairs every entry of one tensor with every entry of another; a product with one row pairs none."""
    if len(step.uses) != 2:
        return False
    if step.kind == "matmul":
        return 1 not in seen.shape(step.output)[-2:]
    first, second = (Counter(extent.text for extent in seen.extents(use.read)) for use in step.uses)
    result = Counter(extent.text for extent in seen.extents(step.output))
    strips = {*(result - first), *(result - second)} <= {"T", "H", "W"}  # a line of each axis, laid over the picture
    pairs = sum(result.values()) == 3  # an axis of each, and the images: of channels and positions there are more
    return step.kind == "add" and first < result and second < result and pairs and not strips
