"""Which path computes a block in Paddle: decided here, and nowhere else."""

from __future__ import annotations

from typing import Literal

import paddle

from nlblocks.paths import Path, force, forced

__all__ = ["choose", "force"]

Formula = Literal["softmax", "product", "ramp", "lines"]
FORMULAS: dict[str, Formula] = {
    "embedded_gaussian": "softmax", "gaussian": "softmax", "dot_product": "product", "concatenation": "ramp"
}  # fmt: skip
"""The formula of each mode of NonLocal. "lines" is criss-cross attention."""
SMALL = 2**17
"""A softmax or ramp map with fewer entries costs less to build than to go around (measured on a CPU)."""


@paddle.jit.not_to_static
def choose(formula: Formula, queries: int, keys: int, widths: tuple[int, int], return_attention: bool) -> Path:
    """The path for one map of ``queries`` × ``keys`` between vectors of ``widths`` (affinity, values).

    The map exists on the direct path only. A static program, exported or not, keeps to the formula as it is written:
    the fast paths have backward passes and loops of their own, which it cannot trace. Else the path that is forced;
    else the one that costs less.
    """
    if return_attention or not paddle.in_dynamic_mode():
        return "direct"
    path = forced()
    if path is not None:
        return path
    affinity, values = widths
    if formula == "product":
        return "fast" if affinity * values * (queries + keys) < queries * keys * (affinity + values) else "direct"
    if formula == "lines":  # the same map on both paths, with fewer copies on the fast one
        return "fast"
    return "fast" if queries * keys >= SMALL else "direct"
