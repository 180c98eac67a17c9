"""Mixed precision: half the bits in products, float32 weights; what overflows moves nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, trainer_of
from parity_tests.helpers.trainers import NET, recipe, started, train

torch = pytest.importorskip("torch")


def test_products_are_in_half_precision_and_weights_are_not() -> None:
    full, mixed = (recipe(precision=precision) for precision in ("float32", "mixed"))
    left, right = (train(started("torch", spec, NET, Options(device="cpu")), spec) for spec in (full, mixed))
    apart = np.abs(left.losses - right.losses).max()
    assert 1e-5 < apart < 0.05  # bfloat16 keeps 8 bits: float32 alone would leave 1e-7, a fault would leave more
    assert {value.dtype for value in right.state.weights.values()} == {np.dtype("float32")}
    assert {value.dtype for value in right.gradients[0].values()} == {np.dtype("float32")}


def test_evaluation_is_mixed_too() -> None:
    images = np.random.default_rng(0).random((4, 1, 8, 8))
    left, right = (
        started("torch", recipe(precision=precision), NET, Options(device="cpu")).logits(images)
        for precision in ("float32", "mixed")
    )
    assert right.dtype == np.float32
    assert 1e-5 < np.abs(left - right).max() / np.abs(left).max() < 0.05


def test_paddle_refuses_on_a_cpu(require: Any) -> None:
    """Its amp would warn and do nothing."""
    require("paddle")
    with pytest.raises(InputError, match="precision='mixed' has no effect in Paddle on a CPU; choose float32, a GPU"):
        trainer_of("paddle", recipe(precision="mixed"), NET, Options(device="cpu"))


def scaled(scale: float, spec: Recipe) -> Any:
    """A trainer on the CPU that scales its loss as one on a GPU does; its gradients are near 100."""
    trainer = started("torch", spec, NET, Options(device="cpu"))
    with torch.no_grad():
        trainer.model.fc_2.weight.mul_(100.0)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=3)
    return trainer


def test_an_overflow_moves_nothing() -> None:
    spec = recipe(precision="mixed", optimiser={"clip": 2.0})
    trainer = scaled(2.0**127, spec)
    before = trainer.state().weights
    state = train(trainer, spec, steps=1).state
    assert all((value == before[name]).all() for name, value in state.weights.items())
    assert state.step == 1
    assert not state.slots


def test_the_scale_and_the_count_of_updates_go_along() -> None:
    spec = recipe(precision="mixed", optimiser={"clip": 2.0})
    whole = train(scaled(2.0**127, spec), spec, steps=10)
    (updates,) = {float(value) for value in whole.state.slots["updates"].values()}
    assert 0 < updates < 10
    half = train(scaled(2.0**127, spec), spec, steps=5)
    other = scaled(1.0, spec)
    other.load(half.state)
    rest = train(other, spec, steps=5, start=5)
    assert (rest.losses == whole.losses[5:]).all()
    assert rest.state.native == whole.state.native
    assert all((value == rest.state.weights[name]).all() for name, value in whole.state.weights.items())
