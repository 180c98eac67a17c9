"""What is kept of a tensor where its values are not: enough to tell whether two models computed the same one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import SLACK, TINY

SAMPLE = 256
"""Elements of a tensor that are kept, evenly spread."""
SQUARABLE = 1e150
"""Larger magnitudes have squares near the end of float64: they count in the sample only, like infinities."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The shape, two sums that no reordering changes, and a sample of the elements in order."""

    shape: tuple[int, ...]
    total: float
    square: float
    sample: Array

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def meets(self, other: Digest, tolerance: float) -> bool:
        """Whether two tensors are the same up to rounding: element by element, or reordered where shapes differ."""
        if self.size != other.size:
            return False
        length = math.sqrt(max(self.square, other.square))  # |x|; sums of N elements differ by up to √N |x|
        slack = SLACK * tolerance * max(length, TINY)
        if abs(math.sqrt(self.square) - math.sqrt(other.square)) > slack:
            return False
        if abs(self.total - other.total) > slack * math.sqrt(max(self.size, 1)):
            return False
        return self.shape != other.shape or self.gap(other) <= tolerance

    def gap(self, other: Digest) -> float:
        """The largest difference of the samples in units of the largest value in them; equal infinities are equal."""
        a, b = self.sample, other.sample
        with np.errstate(all="ignore"):
            apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b)).max(initial=0.0)
            scale = max(np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in (a, b))
        if np.isnan(apart):
            return math.inf
        return float(apart / scale) if scale else float(apart)


def digest(array: Array) -> Digest:
    """Read a tensor once; NaN and infinities count in the sample only."""
    flat = array.reshape(-1)
    if flat.dtype not in (np.float64, np.float32):
        flat = flat.astype(np.result_type(flat, np.float64))
    sample = flat[:: max(flat.size // SAMPLE, 1)].astype(np.result_type(flat, np.float64))
    if flat.dtype.kind == "c":
        flat = flat.view(np.float64)  # both parts count
    with np.errstate(all="ignore"):
        total, square = float(flat.sum(dtype=np.float64)), float(flat @ flat)
        if not math.isfinite(total) or not math.isfinite(square):
            finite = flat[np.isfinite(flat) & (np.abs(flat) < SQUARABLE)]  # in float32 that is infinity
            total, square = float(finite.sum()), float(finite @ finite)
    return Digest(array.shape, total, square, sample)
