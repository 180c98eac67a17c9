"""Layers side by side: attributes that differ though nothing shows it, and the error of each operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nlblocks.numerics.tolerance import ALIKE, CEILING
from nlblocks.parity.findings import CAUSES, Finding
from nlblocks.parity.matching import ByDigest
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, vocabulary
from nlblocks.parity.tracing.vocabulary import Setting

AUDITED = {
    "batch_norm": ("momentum", "eps"), "layer_norm": ("eps",), "group_norm": ("eps", "groups"),
    "instance_norm": ("momentum", "eps"), "rms_norm": ("eps",), "normalize": ("eps",),
    "dropout": ("p", "mode"), "dropout_channels": ("p",), "leaky_relu": ("slope",),
    "embedding": ("padding_index",), "max_pool": ("ceil_mode",), "avg_pool": ("count_include_pad", "ceil_mode"),
    "gelu": ("approximate",), "grid_sample": ("padding_mode", "mode", "align_corners"),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("p",)),
}  # fmt: skip


def audit(left: Trace, right: Trace, pairs: Pairing) -> Iterator[Finding]:
    """Attributes of partner operations that differ; other activations that gave the same values are notes."""
    by_digest = ByDigest(left, right, CEILING)
    for op, partner, name, values in _differing(by_digest, pairs):
        text = f"{op.kind} {name}: {values[0]} on the left, {values[1]} on the right"
        idle = name == "ceil_mode" and _divides(left, op)
        text += "; at these extents, which the windows divide, it makes no difference" if idle else ""
        found = _finding(by_digest, op, partner, CAUSES.of(op.kind, name), text, "note" if idle else "fault")
        setting = Setting(kind=op.kind, name=name, left=values[0], right=values[1], function=partner.name)
        yield replace(found, settings=(setting,))
    for op in left.ops:
        if op.kind in vocabulary.ACTIVATIONS and op.kind not in AUDITED:
            other = next((o for o in right.ops if o.kind in vocabulary.ACTIVATIONS and _same(by_digest, op, o)), None)
            if other is not None and other.kind != op.kind:
                text = f"{op.kind} on the left, {other.kind} on the right; on these inputs they give the same values"
                yield _finding(by_digest, op, other, "activation.kind", text, "note")


def same_mistake(left: Trace, right: Trace, pairs: Pairing, kind: str, name: str) -> Iterator[tuple[Op, Op]]:
    """All partner operations of a kind that differ in one attribute."""
    found = _differing(ByDigest(left, right, CEILING), pairs)
    return ((op, partner) for op, partner, attribute, _ in found if op.kind == kind and attribute == name)


def _differing(by_digest: ByDigest, pairs: Pairing) -> Iterator[tuple[Op, Op, str, tuple[Any, Any]]]:
    scopes = {a.name: b.name for a, b in pairs.pairs}
    for op in by_digest.left.trace.ops:
        partner = _partner(by_digest, scopes, op) if op.kind in AUDITED else None
        if partner is not None:
            found = op.differing(partner)
            yield from (
                (op, partner, n, found[n])
                for n in AUDITED[op.kind]
                if n in found and not (_idle(op, n) or _idle(partner, n) or _undone(by_digest, op, n))
            )


def _finding(by_digest: ByDigest, op: Op, other: Op, cause: str, text: str, severity: Any = "fault") -> Finding:
    sides = ((by_digest.left, op), (by_digest.right, other))
    after, before = (tuple(graph.around(o, step) for graph, o in sides) for step in (-1, 1))
    return Finding(
        phase="pairing", place="attributes" if op.leaf or other.leaf else "between", layer_left=op.scope,
        layer_right=other.scope, cause=cause, explanation=text, severity=severity, after=(after[0], after[1]),
        before=(before[0], before[1]), operation=(str(op), str(other)), sites=(op.site, other.site),
    )  # fmt: skip


def _same(by_digest: ByDigest, op: Op, other: Op) -> bool:
    """Whether two operations have the same inputs and results."""
    return bool(op.inputs and other.inputs) and (
        other.inputs[0] in by_digest.to_right.get(op.inputs[0], ())
        and other.outputs[0] in by_digest.to_right.get(op.outputs[0], ())
    )


def _partner(by_digest: ByDigest, scopes: Mapping[str, str], op: Op) -> Op | None:
    """The operation of the same kind on the same inputs, or with the same parameters."""
    candidates = [o for o in by_digest.right.trace.ops if o.kind == op.kind]
    named = [o for o in candidates if scopes.get(op.scope) == o.scope and op.leaf]
    if len(named) == 1:
        return named[0]
    mine = op.inputs[0] if op.inputs else -1
    same = [o for o in candidates if o.inputs and o.inputs[0] in by_digest.to_right.get(mine, ())]
    return same[0] if len(same) == 1 else next((o for o in same if o.scope == op.scope), None)


def _idle(op: Op, name: str) -> bool:
    """Whether an attribute cannot matter: counting padding where there is none."""
    padding = op.attrs.get("padding")
    none = isinstance(padding, tuple) and not any(any(pair) for pair in padding if isinstance(pair, tuple))
    if name == "momentum":
        return "running_mean" not in op.roles  # it keeps no statistics here
    return name == "count_include_pad" and none


def _divides(trace: Trace, op: Op) -> bool:
    """Whether the windows of a pooling cover its input without a rest: then nothing is rounded up or down."""
    shape, kernel, padding = trace.shape(op.inputs[0]), op.attrs.get("kernel"), op.attrs.get("padding")
    if shape is None or not isinstance(kernel, tuple) or not isinstance(padding, tuple):
        return False
    dilation = op.attrs.get("dilation") or (1,) * len(kernel)
    axes = zip(shape[2:], kernel, op.attrs["stride"], padding, dilation, strict=True)
    return all((size + sum(pair) - d * (k - 1) - 1) % s == 0 for size, k, s, pair, d in axes)


def _undone(by_digest: ByDigest, op: Op, name: str) -> bool:
    """Whether the other side's next step makes up for another scaling of dropout: its result is there all the same."""
    return op.kind == "dropout" and name == "mode" and bool(by_digest.to_right.get(op.outputs[0]))


def profile(left: Trace, right: Trace) -> list[dict[str, Any]]:
    """The error of every operation of the left whose partner is known, in execution order.

    Errors are taken over the values that a run's digests keep: all of a small tensor, a sample of a large one.
    """
    by_digest = ByDigest(left, right, ALIKE)
    mine, theirs = by_digest.digests
    followers = [o for o in right.ops if o.kind not in vocabulary.LAYOUT]
    places = {o.index: place for place, o in enumerate(followers)}
    rows: list[dict[str, Any]] = []
    position = 0
    for op in left.ops:
        if (
            op.kind in vocabulary.LAYOUT
            or not op.outputs
            or op.outputs[0] not in mine
            or op.outputs[0] not in by_digest.left.live
        ):
            continue
        number = op.outputs[0]
        partners = by_digest.to_right[number]
        other = by_digest.right.producer.get(partners[0]) if partners else None
        if other is None:
            other = next((o for o in followers[position:] if o.kind == op.kind), None)
        row: dict[str, Any] = {
            "op": op.kind,
            "left": op.scope,
            "right": other.scope if other else None,
            "shape": list(mine[number].shape),
            "error": None,
        }
        if other is not None:
            position = max(position, places.get(other.index, -1) + 1)
            found = theirs.get(partners[0] if partners else other.outputs[0])
            if found is not None and found.shape == mine[number].shape:
                gap = mine[number].gap(found)
                row["error"] = gap if np.isfinite(gap) else None
            elif found is not None and found.size != mine[number].size:
                row["shapes"] = [list(mine[number].shape), list(found.shape)]
        rows.append(row)
    return rows
