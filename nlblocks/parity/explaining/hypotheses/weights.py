"""The operation is there on both sides with other weights: transposed, another layer's, or on one side only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op, vocabulary

OF_LOSSES = {"weight", "pos_weight", "normalizer"}
"""What a loss weighs by."""


@hypothesis(
    "batch_norm.affine", "conv.bias", "group_norm.affine", "instance_norm.affine",
    "layer.shared", "layer.weights", "layer_norm.affine", "linear.bias", "linear.transposed", "parameters.values",
    "loss.weight", "rms_norm.affine",
)  # fmt: skip
def weights(at: Hypothesis) -> Iterator[Explanation]:
    """The weights of another layer, the same ones transposed, or fewer of them."""
    for side, op, arrays in at.given():
        if op.kind in vocabulary.LOSSES:
            yield from _of_a_loss(at, side, op, arrays)
            continue
        role = "weight" if "weight" in op.roles else "other"
        number = op.of(role)
        if number is None or at.graph(side).trace.parameter(number) is None:
            continue
        weight = arrays[role]
        if weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
            met = at.found(OTHER[side], at.run(op, {**arrays, role: weight.T}))
            if met:
                yield at.held("linear.transposed", f"the weight of {op} transposed", side, op, met)
        for other in at.front(OTHER[side]):
            theirs = at.arrays(OTHER[side], other)
            if theirs is None or other.kind != op.kind:
                continue
            if theirs.get(role, weight).shape == weight.shape:
                own = {r: theirs[r] for r in theirs if r not in ("x", "other")}
                if own.keys() != arrays.keys() - {"x", "other"} and _alike(own, arrays):
                    yield from _on_one_side(at, side, op, arrays, theirs)
                    continue
                met = at.found(OTHER[side], at.run(op, {**arrays, **own}))
                if met:
                    cause = _whose(at, side, op, other, role)
                    yield at.held(cause, f"{op} with the weights that {other} uses", side, op, met)
            yield from _on_one_side(at, side, op, arrays, theirs)


def _of_a_loss(at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array]) -> Iterator[Explanation]:
    """Weights that only one side gives a loss, or others: they may be constants of the code, not the model's own."""
    plain = {role: value for role, value in arrays.items() if role not in OF_LOSSES}
    for other in at.front(OTHER[side]):
        theirs = at.arrays(OTHER[side], other) if other.kind == op.kind else None
        if theirs is None:
            continue
        own, others = (OF_LOSSES & set(found) for found in (arrays, theirs))
        met = at.found(OTHER[side], at.run(op, {**plain, **{role: theirs[role] for role in others}}))
        if (own or others) and met:
            differing = f"{' and '.join(sorted(own ^ others))} on one side only" if own != others else "other weights"
            yield at.held("loss.weight", f"{op} has {differing}: with those of the {OTHER[side]}", side, op, met)


def _alike(own: Mapping[str, Array], others: Mapping[str, Array]) -> bool:
    """Whether weights are the same in all roles that both have."""
    return all(np.array_equal(own[role], others[role]) for role in own.keys() & others.keys())


def _on_one_side(
    at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], theirs: Mapping[str, Array]
) -> Iterator[Explanation]:
    """A bias, or gamma and beta, that one side lacks."""
    alone = set(arrays) ^ set(theirs)
    for role, roles, what in (("bias", ("bias",), "a bias"), ("weight", ("weight", "bias"), "gamma and beta")):
        if role not in alone:
            continue
        fewer = {r: v for r, v in arrays.items() if r not in roles}
        met = at.found(OTHER[side], at.run(op, {**fewer, **{r: theirs[r] for r in roles if r in theirs}}))
        if met:
            yield at.held(_lacking_cause(op), f"{op} has {what} on one side only", side, op, met)


def _lacking_cause(op: Op) -> str:
    kind = "conv" if op.kind.startswith("conv") else op.kind
    return f"{kind}.bias" if kind in ("conv", "linear") else f"{kind}.affine"


def _whose(at: Hypothesis, side: str, op: Op, other: Op, role: str) -> str:
    """Another layer's weights, a layer that one side shares, or the right layer with other values in it."""
    names, shared = {}, {}
    for key, item in {side: op, OTHER[side]: other}.items():
        number = item.of(role)
        trace = at.graph(key).trace
        names[key] = trace.parameter(number) if number is not None else None
        shared[key] = sum(number in o.inputs for o in trace.ops) > 1
    if shared["left"] != shared["right"]:
        return "layer.shared"
    paired = at.pairing.names.get(names["left"] or "") == names["right"] and names["right"] is not None
    return "parameters.values" if paired else "layer.weights"
