"""Which path computes a block in Paddle: decided here, and nowhere else."""

from __future__ import annotations

import paddle

from nlblocks.paths import Formula, Path, cheaper

SMALL = 2**17
"""Entries of a softmax or ramp map from which on going around it pays (measured on a CPU)."""


@paddle.jit.not_to_static
def choose(formula: Formula, queries: int, keys: int, widths: tuple[int, int], return_attention: bool) -> Path:
    """The path for one map of ``queries`` × ``keys`` between vectors of ``widths`` (affinity, values).

    The map exists on the direct path only. A static program, exported or not, keeps to the formula as it is written:
    the fast paths have backward passes and loops of their own, which it cannot trace. Else
    :func:`nlblocks.paths.cheaper` says.
    """
    traced = not paddle.in_dynamic_mode()
    return "direct" if return_attention or traced else cheaper(formula, queries, keys, widths, SMALL)
