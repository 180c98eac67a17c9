"""What a difference is called by what comes before and after it: a factor right before a softmax is attention's."""

from __future__ import annotations

from nlblocks.parity.tracing import Op, TraceGraph, vocabulary

IN_ATTENTION = {
    "scale.factor": "attention.scale",
    "scale.missing": "attention.scale",
    "operands.swapped": "attention.qk_swapped",
}
ON_SCORES = vocabulary.LAYOUT | {"matmul", "mask", "mul", "div", "scale", "add", "where", "masked_fill", "causal_mask"}
"""What may happen to scores before their softmax."""
TO_SOFTMAX = 5
"""Operations from a difference to the softmax, at most: product, factor, mask and a change of layout or two."""
FROM_RECURRENCE = 4
"""Operations from a recurrence to where a time step is read off, at most: it is transposed, or normalised, before."""


def in_context(graph: TraceGraph, op: Op, cause: str) -> str:
    """The cause of a difference at ``op``: the one given, or what it is called in this place of the graph."""
    if "part" in op.attrs or _before_softmax(graph, op):
        return IN_ATTENTION.get(cause, cause)
    if op.kind == "getitem" and cause == "reshape.order":
        if _after_recurrence(graph, op):
            return "rnn.step"
        if op.outputs[0] not in graph.fed and graph.following(op.outputs[0]) == {"add"}:
            return "residual.operand"  # another part of a table is added
    return cause


def _before_softmax(graph: TraceGraph, op: Op) -> bool:
    numbers = list(op.outputs)
    for _ in range(TO_SOFTMAX):
        following = [o for n in numbers for o in graph.consumers[n]]
        if any(o.kind in ("softmax", "log_softmax") for o in following):
            return True
        numbers = [n for o in following if o.kind in ON_SCORES for n in o.outputs]
    return False


def _after_recurrence(graph: TraceGraph, op: Op) -> bool:
    number = op.inputs[0]
    for _ in range(FROM_RECURRENCE):
        source = graph.producer.get(number)
        if source is None or source.kind in vocabulary.RECURRENCES:
            return source is not None
        number = source.inputs[0] if source.inputs else -1
    return False
