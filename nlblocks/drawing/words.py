"""What a step is called on a drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from nlblocks.drawing.seen import Seen
from nlblocks.drawing.steps import Step, Use
from nlblocks.parity.tracing import vocabulary

REDUCTIONS = {"mean", "sum", "max", "min", "var", "std", "median"}
SHORT = {
    "batch_norm": "norm", "layer_norm": "norm", "group_norm": "norm", "instance_norm": "norm", "relu": "ReLU",
    "masked_fill": "mask", "cat": "join", "add": "add", "mul": "multiply", "sub": "subtract",
    "div": "divide", "dropout": "dropout (training)",
    "dropout_channels": "dropout of channels (training)",
}  # fmt: skip
SIGNS, TURNING = {"add": "+", "sub": "−", "mul": "×", "div": "÷"}, {"sub", "div"}
"""Signs of kinds that a number or a parameter is the other operand of, and those where it matters which is first."""


def words(step: Step, seen: Seen) -> str:
    """A step in a few words."""
    if step.kind in WRITERS:
        return WRITERS[step.kind](step, seen)
    if step.kind in REDUCTIONS:
        return f"{step.kind} over {', '.join(lost(step, seen))}"
    if step.kind in SIGNS and len(step.uses) < 2:
        sign, operand = SIGNS[step.kind], _operand(step, seen)
        turned = step.kind in TURNING and step.uses[0].role == "other"
        return f"{operand} {sign} it" if turned else f"{sign} {operand}"
    return SHORT.get(step.kind, step.kind.replace("_", " "))


def lost(step: Step, seen: Seen) -> list[str]:
    """The axes of a step's tensor that its result has not."""
    before, after = (Counter(extent.text for extent in seen.extents(n)) for n in (step.uses[0].source, step.output))
    return list((before - after).elements())


def named(use: Use, seen: Seen) -> str:
    """A parameter by the last part of its name."""
    name = (seen.trace.parameter(use.source) or "").rpartition(".")[2]
    return f"{name} (part {use.part})" if use.part else name


def _operand(step: Step, seen: Seen) -> str:
    """What a tensor is scaled or moved by: a number of the code, or a parameter."""
    return named(step.params[0], seen) if step.params else seen.number(step)


def _conv(step: Step, seen: Seen) -> str:
    weight = step.operand("weight")
    assert weight is not None, step
    kernel = seen.kernel(weight)
    if set(kernel) == {1}:
        text = "conv 1×1"
    elif len(kernel) == 1:
        text = f"conv {kernel[0]} along {seen.extents(step.output)[-1].text}"
    else:
        text = "conv " + "×".join(map(str, kernel))
    for name in ("stride", "dilation"):
        given = set(step.attrs.get(name, ())) - {1}
        text += f", {name} {max(given)}" if given else ""
    return text


def _matmul(step: Step, seen: Seen) -> str:
    first, second = step.operand("x"), step.operand("other")
    if first is None:
        assert second is not None, step
        return f"fixed matrix along {seen.extents(second.read)[-2].text}"
    summed = seen.extents(first.read)[-2 if step.attrs.get("transpose_x") else -1]
    if second is None and not step.params:
        return f"fixed matrix along {summed.text}"
    if step.params:
        return f"product with {named(step.params[0], seen)}, Σ over {summed.text}"
    return f"product, Σ over {summed.text}"


def _max_pool(step: Step, seen: Seen) -> str:
    kernel, stride = step.attrs["kernel"], step.attrs["stride"]
    return "max pool " + "×".join(map(str, kernel)) + (f", stride {max(stride)}" if stride != kernel else "")


def _where(step: Step, seen: Seen) -> str:
    """A choice by comparisons of one tensor with two numbers is a clip to them, where its values say so."""
    low, high = min(step.bounds, default=0.0), max(step.bounds, default=0.0)
    values = seen.trace.values
    clipped = len(step.uses) == 1 and np.array_equal(np.clip(values[step.uses[0].read], low, high), values[step.output])
    return f"clip to [{low:g}, {high:g}]" if clipped else "where"


def _softmax(step: Step, seen: Seen) -> str:
    axes = seen.shape(step.output)
    return "softmax of each row" if step.attrs["axis"] == len(axes) - 1 else f"softmax over axis {step.attrs['axis']}"


WRITERS: dict[str, Callable[[Step, Seen], str]] = {
    "conv": _conv, "matmul": _matmul, "max_pool": _max_pool, "softmax": _softmax, "where": _where,
}  # fmt: skip
LEARNED = vocabulary.AFFINE - {"matmul"}
"""Kinds with a weight of their own."""
