"""Where one unit in the last place does more than rounding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.tracing import Op, Trace

JUMPED = {"float64": 1e-6, "float32": 1e-2}
"""A result that moves by this share of its largest value, where a unit in the last place went in, is no rounding."""
SUDDEN = 1e3
"""An operation jumps where its result moves this many times as far as what goes in: others hand on what they get."""


def first_jump(base: Trace, moved: Trace) -> str:
    """The first operation of a run that a nudge makes jump, forward or else backward, with the element; "" for none.

    Both runs kept their values.
    """
    for op, twin in zip(base.ops, moved.ops, strict=False):
        if (op.site, op.kind) != (twin.site, twin.kind):
            return f"{op}, before which the model goes another way"
        found = _jumps(op, op.inputs, op.outputs, base.values, moved.values, base.dtype)
        if found:
            return found
    for op in reversed(base.ops):
        found = _jumps(op, op.outputs, op.inputs, base.grads, moved.grads, base.dtype)
        if found:
            return f"{found} of its gradient"
    return ""


def _jumps(
    op: Op, given: tuple[int, ...], made: tuple[int, ...], base: Mapping[int, Array], moved: Mapping[int, Array],
    dtype: str,
) -> str:  # fmt: skip
    before = max((_change(base, moved, number)[0] for number in given), default=0.0)
    for number in made:
        change, place = _change(base, moved, number)
        if change > JUMPED[dtype] and change > SUDDEN * before:
            return f"{op}, element {list(place)}"
    return ""


def _change(base: Mapping[int, Array], moved: Mapping[int, Array], number: int) -> tuple[float, tuple[int, ...]]:
    """How far a tensor moved, in units of its largest value, and where the furthest."""
    a, b = base.get(number), moved.get(number)
    if a is None or b is None or not a.size:
        return 0.0, ()
    if a.shape != b.shape:
        return float("inf"), ()
    with np.errstate(all="ignore"):
        a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    apart = np.where(np.isnan(apart), np.inf, apart)
    place = int(apart.argmax())
    largest = float(apart.flat[place])
    return (largest / scale if scale else largest), tuple(int(i) for i in np.unravel_index(place, a.shape))
