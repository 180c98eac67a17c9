"""Which path computes a block in torch: decided here, and nowhere else."""

from __future__ import annotations

import torch

from nlblocks.paths import Formula, Path, cheaper

SMALL = 2**17
"""Entries of a softmax or ramp map from which on going around it pays (measured on a CPU)."""


def choose(formula: Formula, queries: int, keys: int, widths: tuple[int, int], return_attention: bool) -> Path:
    """The path for one map of ``queries`` × ``keys`` between vectors of ``widths`` (affinity, values).

    The map exists on the direct path only. An exported program keeps to the formula as it is written, which every
    runtime can read. Else :func:`nlblocks.paths.cheaper` says.
    """
    traced = torch.compiler.is_exporting() or torch.jit.is_tracing()  # type: ignore[attr-defined]
    return "direct" if return_attention or traced else cheaper(formula, queries, keys, widths, SMALL)
