"""One side does something that the other does not: a layer, an activation, a sum, a mask."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypotheses.context import in_context
from nlblocks.parity.explaining.hypotheses.masks import hides
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis, Met
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.matching import Draws
from nlblocks.parity.tracing import Op, vocabulary

MADE = 40
"""Wrong tensors of the one side that are given to an operation of the other: what is missing is near the frontier."""
BY_KIND = {
    "mask": "attention.mask_missing",
    "masked_fill": "attention.mask_missing",
    "where": "attention.mask_missing",
    "causal_mask": "attention.causal",
    "dropout": "dropout.missing",
    "dropout_channels": "dropout.missing",
    "flip": "output.flipped",
    "cat": "cat.order",
    "stack": "cat.order",
    "roll": "reshape.order",
    "add": "shift.constant",
    "sub": "shift.constant",
    "detach": "gradient.detached",
    "cast": "precision.cast",
    "clip": "activation.missing",
    "softmax": "activation.missing",
    **dict.fromkeys(vocabulary.ACTIVATIONS, "activation.missing"),
}
"""What it is called that one operation is missing."""


@hypothesis(
    "activation.missing", "activation.order", "attention.causal", "attention.mask_missing", "attention.scale",
    "cat.order", "dropout.missing", "gradient.detached", "layer.missing", "layer.order", "output.flipped",
    "precision.cast", "reshape.order", "residual.missing", "scale.missing", "shift.constant",
)  # fmt: skip
def missing(at: Hypothesis) -> Iterator[Explanation]:
    """One side does something more before going on as the other does: the least that explains it."""
    found: list[tuple[int, Explanation]] = []
    for side, other in OTHER.items():
        graph = at.graph(side)
        made = sorted(n for n in at.wrong[side] if n in graph.producer and n in graph.trace.values)[:MADE]
        found += [(0, held) for held in _at_the_end(at, side)]
        for op in at.front(other):
            arrays = at.arrays(other, op)
            if arrays is None:
                continue
            for (role, taken), extra in itertools.product(at.free_inputs(other, op), made):
                held = _with(at, side, op, arrays, role, taken, extra)
                if held is not None:
                    found.append(held)
    yield from (held for _, held in sorted(found, key=lambda item: item[0]))


def _at_the_end(at: Hypothesis, side: str) -> Iterator[Explanation]:
    """The other side stops where this one does something more."""
    other, outputs = OTHER[side], at.graph(side).trace.outputs
    ends = [n for n in outputs.values() if n in at.wrong[side]]
    for number in set(at.graph(other).trace.outputs.values()):
        if at.alignment.known(other, number) and ends and not at.frontier[other]:
            last = at.graph(side).producer[ends[0]]
            yield _lacking(at, side, last.outputs[0], None, (last, 0.0), number, {number})


def _with(
    at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], role: str, taken: int, extra: int
) -> tuple[int, Explanation] | None:
    """The other side's operation on a tensor of this side, ``extra`` for ``taken``; how much leads to it."""
    graph = at.graph(side)
    value = graph.trace.values[extra]
    if value.size != arrays[role].size or (arrays[role].dtype == bool) != (value.dtype == bool):
        return None  # numbers are no truth values
    met = at.found(side, at.run(op, {**arrays, role: value.reshape(arrays[role].shape)}))
    if met is None or met[0].index <= graph.producer[extra].index:
        return None
    size = sum(o.kind not in vocabulary.LAYOUT for o in at.chain(side, extra))
    start = set(at.alignment.partners(OTHER[side]).get(taken, ()))
    return size, _lacking(at, side, extra, op, met, taken, start)


def _lacking(
    at: Hypothesis, side: str, extra: int, op: Op | None, met: Met, taken: int, start: set[int]
) -> Explanation:
    """The operations that lead to ``extra`` are missing on the other side, where ``taken`` is used.

    ``op`` is what the other side goes on with, None where it stops; ``start`` are the partners of the tensor that it
    goes on from.
    """
    chain = at.chain(side, extra)
    path = _path(chain, start)
    computing = [o for o in path if o.kind not in vocabulary.LAYOUT and not _spreads(at, side, o)]
    names = ", ".join(dict.fromkeys(str(o) for o in chain))
    before = None
    if op is not None:
        now, then = at.output(OTHER[side], op), at.output(side, met[0])
        before = distance(now, then) if now.shape == then.shape else None
    left, right = (chain[0], op) if side == "left" else (op, chain[0])
    joints = [(extra, taken)] if op is None else [(extra, taken), (met[0].outputs[0], op.outputs[0])]
    return Explanation(
        cause=_cause(at, side, computing or path[:1]),
        text=f"{_alone(side, names)}: with it added",
        left=left, right=right, before=before, after=met[1], between=True,
        joints=tuple(joints if side == "left" else [(b, a) for a, b in joints]),
        extra=side,
    )  # fmt: skip


def _alone(side: str, names: str) -> str:
    if side == "left":
        return f"{names} on the left has no counterpart on the right"
    return f"the left has no counterpart of {names} on the right"


def _path(chain: Sequence[Op], start: set[int]) -> Sequence[Op]:
    """Of the operations that lead to a tensor, those that it passes: a mask that is made on the way is not one."""
    reached, path = set(start), []
    for op in chain:
        if any(n in reached for n in op.inputs):
            reached.update(op.outputs)
            path.append(op)
    return path or chain


def _spreads(at: Hypothesis, side: str, op: Op) -> bool:
    """Whether an operation only repeats its operand: resizing one pixel."""
    values = at.graph(side).trace.values
    mine, given = (values.get(numbers[0]) if numbers else None for numbers in (op.outputs, op.inputs))
    if mine is None or given is None or given.ndim != mine.ndim or given.size >= mine.size:
        return False
    return all(n in (1, m) for n, m in zip(given.shape, mine.shape, strict=True)) and (
        distance(np.broadcast_to(given, mine.shape), mine) <= at.meets
    )


def _cause(at: Hypothesis, side: str, chain: Sequence[Op]) -> str:
    """What it is called that these operations are missing."""
    if any(_elsewhere(at, side, op) for op in chain):
        return "layer.order"
    users = at.graph(side).consumers[chain[-1].outputs[0]]  # a mask that happens to drop nothing changes nothing
    if any(_drawn(at, side, op) for op in (*chain, *users)) or _after_idle_draw(at, side, chain[0]):
        return "dropout.missing"
    if len(chain) > 1:
        return "layer.missing"
    op = chain[0]
    if op.kind in vocabulary.ACTIVATIONS and _as_many(at, op.kind):
        return "activation.order"
    free = len(at.free_inputs(side, op))
    if op.kind == "add" and any(hides(at, side, n) for n in op.inputs):
        return "attention.mask_missing"
    if op.kind == "add" and free > 1:
        return "residual.missing"
    if op.kind in ("mul", "div", "scale") and free == 1:
        return in_context(at.graph(side), op, "scale.missing")
    return BY_KIND.get(op.kind, "reshape.order" if op.kind in vocabulary.LAYOUT else "layer.missing")


def _drawn(at: Hypothesis, side: str, op: Op) -> bool:
    """Whether an operation is given random numbers, or what is made of them alone: a mask that drops."""
    graph = at.graph(side)
    queue, seen = [n for n in op.inputs if n not in graph.live], set[int]()
    while queue:
        maker = graph.producer.get(queue.pop())
        if maker is None or maker.index in seen:
            continue
        if maker.kind == vocabulary.RANDOM:
            return True
        seen.add(maker.index)
        queue += maker.inputs
    return False


def _after_idle_draw(at: Hypothesis, side: str, op: Op) -> bool:
    """Whether an operation follows a mask that only its side draws, and that happens to drop nothing."""
    graph, partners = at.graph(side), at.alignment.partners(side)
    makers = [graph.producer[n] for n in op.inputs if n in graph.live and n in graph.producer]
    idle = [
        maker
        for maker in makers
        if any(set(partners.get(n, ())) & set(partners.get(maker.outputs[0], ())) for n in maker.inputs)
    ]
    draws = Draws(at.graph("left").trace, at.graph("right").trace)
    alone = {draw.index for draw in draws.alone(side)} if idle else set()
    return any(draw.index in alone for maker in idle for draw in draws.behind(side, maker))


def _elsewhere(at: Hypothesis, side: str, op: Op) -> bool:
    """Whether the other side has the same layer, later on."""
    names = at.pairing.names if side == "left" else {b: a for a, b in at.pairing.names.items()}
    mine = {at.graph(side).trace.parameter(n) for n in op.inputs} - {None}
    partners = {names[name] for name in mine if name in names}
    trace = at.graph(OTHER[side]).trace
    return bool(partners) and any(
        partners & {trace.parameter(n) for n in o.inputs} for o in trace.ops if set(o.outputs) & at.wrong[OTHER[side]]
    )


def _as_many(at: Hypothesis, kind: str) -> bool:
    """Whether both sides have as many operations of a kind from the parting on."""
    counts = [
        sum(op.kind == kind and any(n in at.wrong[side] for n in op.outputs) for op in at.graph(side).trace.ops)
        for side in OTHER
    ]
    return counts[0] == counts[1]
