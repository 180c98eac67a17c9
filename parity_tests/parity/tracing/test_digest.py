"""A digest tells tensors apart."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_are_read_without_a_warning(dtype: str) -> None:
    x = np.array([1.0, -np.inf, np.nan, 2.0], dtype)
    mine = digest(x)  # a warning is an error here, as in a user's test-suite, where the model would seem to raise it
    assert (mine.total, mine.square) == (3.0, 5.0)
    assert mine.meets(digest(x.copy()), 1e-12)
