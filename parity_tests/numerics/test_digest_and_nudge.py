"""A digest tells tensors apart; a nudge moves them by one unit in the last place."""

from __future__ import annotations

import numpy as np

from nlblocks.numerics.ulp import nudged
from nlblocks.parity.tracing.digest import digest


def test_a_digest_tells_tensors_apart() -> None:
    x = np.random.default_rng(0).normal(size=(3, 40, 50))
    mine = digest(x)
    assert mine.meets(digest(x * (1 + 1e-15)), 1e-12)
    assert mine.meets(digest(x.transpose(0, 2, 1)), 1e-12)
    assert mine.meets(digest(x.reshape(-1)), 1e-12)
    assert not mine.meets(digest(x * (1 + 1e-6)), 1e-9)
    assert not mine.meets(digest(x + 1e-6), 1e-9)
    assert not mine.meets(digest(np.flip(x, 1)), 1e-9)
    assert not mine.meets(digest(x[:2]), 1e-9)


def test_a_nudge_moves_by_one_unit_and_leaves_zero() -> None:
    x = np.array([0.0, 1.0, -3.0, 1e-3] * 50)
    for dtype in ("float64", "float32"):
        moved_x = nudged(x, 0, "x", dtype)
        own = x.astype(dtype)
        assert moved_x.dtype == dtype
        assert (moved_x[::4] == 0).all()
        assert (np.abs(moved_x - own)[own != 0] > 0).all()
        assert (np.abs(moved_x - own) <= np.spacing(np.abs(own))).all()
