"""Random numbers that both sides of a pair get alike: the n-th draw of a run is the same whoever draws it."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Draws:
    """Uniform numbers; the n-th call is seeded by n."""

    def __init__(self) -> None:
        self.count = 0

    def uniform(self, shape: tuple[int, ...]) -> Array:
        self.count += 1
        return np.random.default_rng(self.count).random(shape)

    def mask(self, shape: tuple[int, ...], p: float) -> Array:
        """What dropout multiplies with: 1 / (1 - p) where a unit is kept."""
        kept = self.uniform(shape) >= p
        return kept / (1.0 - p) if p < 1.0 else np.zeros(shape)
