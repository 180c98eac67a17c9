"""The operations that a fused attention stands for, written into a trace from their values."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.recording.recorder import Recorder


def attention_steps(
    recorder: Recorder, query: Array, key: Array, numbers: tuple[int, int], scale: Any, mask: Array | None,
    mask_number: int | None, causal: bool,
) -> tuple[Array, int]:  # fmt: skip
    """Write down the steps up to softmax over [..., L, D] arrays; returns the map and its number."""
    factor = query.shape[-1] ** -0.5 if scale is None else float(scale)
    scores = query @ np.swapaxes(key, -1, -2)
    number = recorder.note("matmul", numbers, ("x", "other"), scores, transpose_other=True)
    scores = scores * factor
    number = recorder.note("mul", (number,), ("x",), scores, other=factor)
    if causal:
        hidden = ~np.tril(np.ones(scores.shape[-2:], bool))
        scores = np.where(hidden, -np.inf, scores)
        number = recorder.note("causal_mask", (number,), ("x",), scores)
    if mask is not None and mask_number is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        number = recorder.note("mask", (number, mask_number), ("x", "mask"), scores, keeps=mask.dtype == bool)
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    attention = shifted / shifted.sum(-1, keepdims=True)
    return attention, recorder.note("softmax", (number,), ("x",), attention, axis=attention.ndim - 1)
