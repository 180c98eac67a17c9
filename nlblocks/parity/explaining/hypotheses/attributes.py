"""The operation is there on both sides with another value of an attribute: eps, stride, axis, ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nlblocks.parity.explaining.hypotheses.attribute_values import variants
from nlblocks.parity.explaining.hypotheses.context import in_context
from nlblocks.parity.explaining.hypotheses.masks import after_softmax, turned_masks
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis, beside
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.findings import CAUSES
from nlblocks.parity.tracing import Op, vocabulary
from nlblocks.parity.tracing.vocabulary import Setting

IDLE = vocabulary.DROPOUTS | {"clip", "relu6", "median"}
"""Kinds that may change nothing on one side."""
CLEARLY = 1e-2
"""Another value is better than the first that meets where it leaves at most this share of what the first leaves: of two
that are equally good, the one that the other side has was tried first."""
USUAL = {"reset": "after", "update": "old", "gates": "as usual", "outside": False, "ddof": 0}
"""What attributes are that no call has, in words: they tell how others write an operation."""
OF_ONE_OPERATION = (
    "affine_grid.align_corners", "attention.causal", "attention.layout", "attention.mask_sense", "attention.qk_swapped",
    "attention.scale", "avg_pool.ceil_mode", "avg_pool.count_include_pad", "avg_pool.kernel", "avg_pool.padding",
    "avg_pool.stride", "batch_norm.eps", "batch_norm.training", "cat.axis", "clip.bounds", "conv.dilation",
    "conv.groups", "conv.output_padding", "conv.padding", "conv.stride", "dropout.mode", "dropout.p",
    "dropout.training", "elu.alpha", "embedding.padding_index", "gather.axis", "gelu.approximate",
    "grid_sample.align_corners", "grid_sample.mode", "grid_sample.padding_mode", "group_norm.eps", "group_norm.groups",
    "hard_sigmoid.slope", "instance_norm.eps", "interpolate.align_corners", "interpolate.align_mode",
    "interpolate.antialias", "interpolate.extent_one", "interpolate.mode", "interpolate.size", "layer_norm.axes",
    "layer_norm.eps", "leaky_relu.slope", "loss.beta", "loss.ignore_index", "loss.label_smoothing", "loss.reduction",
    "loss.settings", "loss.weight", "max_pool.ceil_mode", "max_pool.dilation", "max_pool.kernel", "max_pool.padding",
    "max_pool.stride", "median.even", "normalisation.variance", "normalize.axis", "normalize.eps", "normalize.p",
    "operands.swapped", "operation.argument", "output.flipped", "pad.mode", "pad.sides", "pad.value",
    "pixel_shuffle.order", "power.exponent", "reduce.axis", "reduce.unbiased", "reshape.order", "residual.operand",
    "rms_norm.eps", "rnn.direction", "rnn.gates", "rnn.reset", "rnn.step", "rnn.time_major", "rnn.update",
    "scale.factor", "scatter.axis", "scatter.broadcast", "scatter.reduce", "shift.constant", "softmax.axis",
    "softplus.beta",
)  # fmt: skip


@hypothesis(*OF_ONE_OPERATION)
def attributes(at: Hypothesis) -> Iterator[Explanation]:
    """Another value of one attribute."""
    best: tuple[float, Explanation] | None = None
    for side, op, arrays in at.given():
        twin = op.kind if op.kind in IDLE else ""
        active = bool(op.kind in vocabulary.DROPOUTS and op.attrs.get("training") and not at.graph(side).trace.training)
        for name, value, attrs in variants(op, _others(at, OTHER[side], op, twin)):
            if active and name != "training":
                continue  # it drops in evaluation, whatever its probability
            result = at.run(op, arrays, attrs)
            if op.kind in vocabulary.LOSSES and at.same(op, arrays, result):
                continue
            met = at.found(OTHER[side], result, twin, op) or after_softmax(at, side, result)
            if met is None:
                continue
            cause = in_context(at.graph(side), op, CAUSES.of(op.kind, name))
            own = _show(op.attrs.get(name, USUAL.get(name)))
            text = f"{_words(cause, name)} of {op}: {beside(side, own, _show(value))}"
            held = at.held(cause, text, side, op, met, between=active)
            held = replace(held, settings=_settings(held.right or op, side, op.attrs, attrs))
            if not at.followed_alike(side, op, met[0]):
                at.doubtful.append(held)
            elif best is None or met[1] < best[0] * CLEARLY:
                best = (met[1], held)
    if best is not None:
        yield best[1]
    yield from turned_masks(at)


@hypothesis(*OF_ONE_OPERATION)
def doubtful(at: Hypothesis) -> Iterator[Explanation]:
    """What makes two results meet that are used for other things."""
    yield from at.doubtful[:1]


def _others(at: Hypothesis, side: str, op: Op, twin: str) -> list[Op]:
    """The operations of the other side that may be this one, those of its kind first."""
    wrong = at.wrong[side]
    others = [o for o in at.graph(side).trace.ops if any(n in wrong for n in o.outputs) or (twin and o.kind == twin)]
    return sorted(others, key=lambda o: o.kind != op.kind)


def _settings(right: Op, side: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Setting, ...]:
    """The attributes of which both sides have another value."""
    a, b = (mine, theirs) if side == "left" else (theirs, mine)
    return tuple(
        Setting(kind=right.kind, name=name, left=a.get(name), right=b.get(name), function=right.name)
        for name in theirs
        if not vocabulary.same_number(mine.get(name), theirs[name])
    )


def _words(cause: str, name: str) -> str:
    """What differs: by the cause's name, or by the attribute's where that tells more."""
    kind, _, attribute = cause.partition(".")
    if kind == "loss" and name != attribute and name not in ("divide_by", "weighing"):
        return name.replace("_", " ")
    return f"{kind.replace('_', ' ')} {attribute.replace('_', ' ')}"


def _show(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)
