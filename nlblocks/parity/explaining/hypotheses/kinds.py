"""Another operation of the same sort on the same operands: another activation, reduction, pooling, loss, ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis, beside
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.formulas import POINTWISE
from nlblocks.parity.tracing import Op, vocabulary
from nlblocks.parity.tracing.vocabulary import Setting

SORTS = (
    (("mean", "sum", "max", "min"), "reduce.kind"),
    (("max_pool", "avg_pool"), "pool.kind"),
    (("adaptive_avg_pool", "adaptive_max_pool"), "pool.kind"),
    (("softmax", "sigmoid", "log_softmax"), "activation.kind"),
    (("mse_loss", "l1_loss", "smooth_l1"), "loss.kind"),
    (("add", "sub", "mul", "maximum"), "operation.kind"),
)
"""Kinds that take each other's place."""
GROUPS = (1, 2, 4, 8)
"""How many groups a group normalisation is tried with in place of another."""


@hypothesis("activation.kind", "loss.kind", "normalisation.kind", "operation.kind", "pool.kind", "reduce.kind")
def kinds(at: Hypothesis) -> Iterator[Explanation]:
    """Another operation in the same place, whose result is used for the same."""
    for side, op, arrays in at.given():
        for kind, cause, attrs in _alternatives(op):
            met = at.found(OTHER[side], at.run(op, arrays, attrs, kind), like=op)
            if met and at.followed_alike(side, op, met[0]):
                held = at.held(cause, beside(side, op.kind, kind), side, op, met)
                left, right = (op.kind, kind) if side == "left" else (kind, op.kind)
                yield replace(held, settings=(Setting(kind=left, name="kind", left=left, right=right),))


def _alternatives(op: Op) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(kind, cause, attributes) of what may stand in an operation's place."""
    if op.kind in vocabulary.ACTIVATIONS or op.kind in ("clip", "neg", "identity"):
        for kind in POINTWISE:
            if kind != op.kind and (kind in vocabulary.ACTIVATIONS or kind in ("square", "abs", "neg")):
                yield kind, "activation.kind", {}
    for sort, cause in SORTS:
        if op.kind in sort:
            for kind in sort:
                if kind != op.kind:
                    yield kind, cause, {"axis": -1, **op.attrs}
    if op.kind in vocabulary.NORMALISATIONS:
        for kind in ("batch_norm", "instance_norm", "group_norm", "layer_norm"):
            if kind != op.kind:
                for more in [{"groups": groups} for groups in GROUPS] if kind == "group_norm" else [{}]:
                    yield kind, "normalisation.kind", {"training": True, **op.attrs, **more}
