"""The training benchmark compares like with like: the loop written by hand trains what the recipe's loop trains."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.training_overhead import HANDS, measured, ours
from nlblocks.training.data import Batches
from parity_tests.helpers.trainers import NET, digits, recipe


@pytest.mark.parametrize("backend", HANDS)
def test_both_loops_train_alike(backend: str, require: Any) -> None:
    """One batch an epoch, so that the order does not matter: four steps leave the same loss, in float32."""
    require(backend)
    spec = recipe(precision="float32", batch_size=len(digits().train), optimiser={"lr": 0.01})
    batches = Batches(spec, digits())
    left, right = ours(backend, spec, NET, batches), HANDS[backend](spec, NET, batches)
    losses = [(left(), right()) for _ in range(4)]
    assert all(abs(one - other) < 1e-5 for one, other in losses)
    assert losses[-1][0] < losses[0][0] - 0.01


@pytest.mark.parametrize("backend", HANDS)
def test_rounds_are_paired(backend: str, require: Any) -> None:
    require(backend)
    ticks = iter(range(100))
    times = measured(backend, recipe(precision="float32", batch_size=700), NET, 2, lambda: float(next(ticks)))
    assert times == {"ours": [0.5, 0.5], "hand": [0.5, 0.5]}
