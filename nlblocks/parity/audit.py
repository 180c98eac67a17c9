"""Layers side by side: attributes that differ though nothing shows it, and the error of each operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nlblocks.parity.align import Alignment, layout_distance
from nlblocks.parity.finding import Finding
from nlblocks.parity.localise import around
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.trace import Op, Trace
from nlblocks.parity.variants import cause_of, differing
from nlblocks.parity.vocabulary import ACTIVATIONS, LAYOUT

AUDITED = {
    "batch_norm": ("momentum", "eps"), "layer_norm": ("eps",), "group_norm": ("eps", "groups"),
    "instance_norm": ("eps",), "dropout": ("p", "mode"), "dropout_channels": ("p",), "leaky_relu": ("slope",),
    "embedding": ("padding_index",), "max_pool": ("ceil_mode",), "avg_pool": ("count_include_pad", "ceil_mode"),
    "gelu": ("approximate",), "grid_sample": ("padding_mode", "mode", "align_corners"),
}  # fmt: skip


def audit(left: Trace, right: Trace, pairs: Pairing) -> Iterator[Finding]:
    """Attributes of partner operations that differ; other activations that gave the same values are notes."""
    alignment = Alignment(left, right, 1e-9)
    scopes = {a.name: b.name for a, b in pairs.pairs}
    for op in left.ops:
        if op.kind in AUDITED:
            partner = _partner(alignment, scopes, op)
            found = differing(op, partner) if partner is not None else {}
            for name in AUDITED[op.kind]:
                if partner is not None and name in found and not (_idle(op, name) or _idle(partner, name)):
                    text = f"{op.kind} {name}: {found[name][0]} on the left, {found[name][1]} on the right"
                    yield _finding(alignment, op, partner, cause_of(op.kind, name), text)
        elif op.kind in ACTIVATIONS:
            other = next((o for o in right.ops if o.kind in ACTIVATIONS and _same(alignment, op, o)), None)
            if other is not None and other.kind != op.kind:
                text = f"{op.kind} on the left, {other.kind} on the right; on these inputs they give the same values"
                yield _finding(alignment, op, other, "activation.kind", text, "note")


def _finding(alignment: Alignment, op: Op, other: Op, cause: str, text: str, severity: Any = "fault") -> Finding:
    sides = (("left", op), ("right", other))
    after, before = (tuple(around(alignment, side, o, step) for side, o in sides) for step in (-1, 1))
    return Finding(
        phase="pairing", place="attributes" if op.leaf or other.leaf else "between", layer_left=op.scope,
        layer_right=other.scope, cause=cause, explanation=text, severity=severity, after=(after[0], after[1]),
        before=(before[0], before[1]), operation=(str(op), str(other)),
    )  # fmt: skip


def _same(alignment: Alignment, op: Op, other: Op) -> bool:
    """Whether two operations have the same inputs and results."""
    return bool(op.inputs and other.inputs) and (
        other.inputs[0] in alignment.to_right.get(op.inputs[0], ())
        and other.outputs[0] in alignment.to_right.get(op.outputs[0], ())
    )


def _partner(alignment: Alignment, scopes: Mapping[str, str], op: Op) -> Op | None:
    """The operation of the same kind on the same inputs, or with the same parameters."""
    candidates = [o for o in alignment.right.trace.ops if o.kind == op.kind]
    named = [o for o in candidates if scopes.get(op.scope) == o.scope and op.leaf]
    if len(named) == 1:
        return named[0]
    mine = op.inputs[0] if op.inputs else -1
    same = [o for o in candidates if o.inputs and o.inputs[0] in alignment.to_right.get(mine, ())]
    return same[0] if len(same) == 1 else next((o for o in same if o.scope == op.scope), None)


def _idle(op: Op, name: str) -> bool:
    """Whether an attribute cannot matter: counting padding where there is none."""
    padding = op.attrs.get("padding")
    none = isinstance(padding, tuple) and not any(any(pair) for pair in padding if isinstance(pair, tuple))
    if name == "momentum":
        return "running_mean" not in op.roles  # it keeps no statistics here
    return name == "count_include_pad" and none and not op.attrs.get("ceil_mode")


def profile(left: Trace, right: Trace) -> list[dict[str, Any]]:
    """The error of every operation of the left whose partner is known, in execution order."""
    alignment = Alignment(left, right, 1e-6)
    followers = [o for o in right.ops if o.kind not in LAYOUT]
    rows: list[dict[str, Any]] = []
    position = 0
    for op in left.ops:
        if (
            op.kind in LAYOUT
            or not op.outputs
            or op.outputs[0] not in left.values
            or op.outputs[0] not in alignment.left.live
        ):
            continue
        mine = left.values[op.outputs[0]]
        partners = alignment.to_right.get(op.outputs[0], [])
        other = alignment.right.producer.get(partners[0]) if partners else None
        if other is None:
            other = next((o for o in followers[position:] if o.kind == op.kind), None)
        row: dict[str, Any] = {
            "op": op.kind,
            "left": op.scope,
            "right": other.scope if other else None,
            "shape": list(mine.shape),
            "error": None,
        }
        if other is not None:
            if other in followers:
                position = max(position, followers.index(other) + 1)
            theirs = right.values.get(other.outputs[0]) if not partners else right.values[partners[0]]
            if theirs is not None and theirs.size == mine.size:
                gap = layout_distance(mine, theirs)
                row["error"] = gap if np.isfinite(gap) else None
            elif theirs is not None:
                row["shapes"] = [list(mine.shape), list(theirs.shape)]
        rows.append(row)
    return rows
