"""A digest tells tensors apart."""

from __future__ import annotations

import numpy as np

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
