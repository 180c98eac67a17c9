"""What a recipe says is what a framework does: each step is done again in NumPy, from the gradients that it had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nlblocks.backend import Array
from nlblocks.training.recipes import Recipe
from parity_tests.helpers.trainers import FRAMEWORKS, NET, STEPS, group, recipe, started, train

# The rounding of 12 steps, relative to 1; in float64 a float32 constant is 1e-9 away, another formula far more.
ROUNDING = {"float64": 1e-13, "float32": 2e-6}
OPTIMISERS: dict[str, dict[str, Any]] = {
    "sgd": {"rule": "sgd", "lr": 0.01},
    "momentum": {"rule": "sgd", "lr": 0.003, "momentum": 0.9},
    "nesterov": {"rule": "sgd", "lr": 0.003, "momentum": 0.9, "nesterov": True},
    "adam": {"rule": "adam", "beta1": 0.87, "beta2": 0.993, "eps": 1e-3},
    "adamw": {"rule": "adamw", "beta1": 0.87, "beta2": 0.993, "eps": 1e-3, "lr": 0.01},
}


def moved(w: Array, gradients: list[Array], rates: list[float], decay: float, recipe: Recipe) -> Array:
    """A parameter after some steps, by the formulas of the papers."""
    o = recipe.optimiser
    m, v = np.zeros_like(w), np.zeros_like(w)
    for k, (g, lr) in enumerate(zip(gradients, rates, strict=True), start=1):
        if o.rule == "adamw":
            w = w - lr * decay * w
        else:
            g = g + decay * w
        if o.rule == "sgd":
            m = o.momentum * m + g
            w = w - lr * (g + o.momentum * m if o.nesterov else m)
        else:
            m = o.beta1 * m + (1 - o.beta1) * g
            v = o.beta2 * v + (1 - o.beta2) * g**2
            w = w - lr * (m / (1 - o.beta1**k)) / (np.sqrt(v / (1 - o.beta2**k)) + o.eps)
    return w


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("rule", OPTIMISERS)
@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("grouped", [False, True], ids=["alike", "grouped"])
def test_a_step_is_the_formula(backend: str, grouped: bool, precision: str, rule: str, require: Any) -> None:
    """Decay, warm-up and clipping; then vectors are exempt, and a group has a rate and a decay of its own."""
    require(backend)
    optimiser = {**OPTIMISERS[rule], "weight_decay": 0.3, "decay_vectors": not grouped, "clip": 2.0}
    groups = [group("fc_1.*", lr_factor=0.1, decay=0.2)] if grouped else []
    spec = recipe(precision=precision, optimiser=optimiser, schedule={"warmup": 8}, groups=groups)
    trainer = started(backend, spec, NET)
    before = trainer.state().weights
    run = train(trainer, spec)
    rates = np.array([optimiser.get("lr", 1e-3) * min(1.0, (step + 1) / 8) for step in range(STEPS)])
    for name, after in run.state.weights.items():
        factor, decay = 1.0, 0.3
        if grouped:
            factor, decay = (0.1, 0.2) if name.startswith("fc_1.") else (1.0, 0.3 if after.ndim > 1 else 0.0)
        gradients = [step[name] for step in run.gradients]
        expected = moved(before[name].astype(float), gradients, list(factor * rates), decay, spec)
        assert np.abs(after - expected).max() <= ROUNDING[precision], name
        assert np.abs(after - before[name]).max() > 1e-4, name


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_all_gradients_together_are_clipped(backend: str, require: Any) -> None:
    require(backend)
    groups = [group("fc_*", lr_factor=0.5)]
    free, bound = (
        train(started(backend, spec, NET), spec, steps=1).gradients[0]
        for spec in (recipe(groups=groups), recipe(groups=groups, optimiser={"clip": 0.3}))
    )
    norm = np.sqrt(sum((value**2).sum() for value in free.values()))
    assert norm > 0.5
    for name, value in free.items():
        assert np.abs(bound[name] - value * (0.3 / norm)).max() <= ROUNDING["float64"]
    wide = recipe(groups=groups, optimiser={"clip": 2 * norm})
    kept = train(started(backend, wide, NET), wide, steps=1).gradients[0]
    assert all((kept[name] == value).all() for name, value in free.items())


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_loss_is_smoothed_cross_entropy(backend: str, require: Any) -> None:
    require(backend)
    spec = recipe(label_smoothing=0.1, optimiser={"lr": 0.0})
    trainer = started(backend, spec, NET)
    images, labels = np.random.default_rng(0).random((5, 1, 8, 8)), np.array([3, 0, 9, 9, 5])
    logits = trainer.logits(images)
    likely = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    target = 0.9 * np.eye(10)[labels] + 0.1 / 10
    loss = float(trainer.step(images, labels, lr=0.0, seed=0))
    assert abs(loss + (target * likely).sum(1).mean()) <= ROUNDING["float64"]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_loss_may_be_as_large_as_it_is(backend: str, smoothing: float, require: Any) -> None:
    """In float64: Paddle's own cross-entropy stops at 64 a sample."""
    require(backend)
    spec = recipe(label_smoothing=smoothing)
    trainer = started(backend, spec, NET)
    state = trainer.state()
    trainer.load(replace(state, weights={**state.weights, "fc_2.bias": np.linspace(0.0, 900.0, 10)}))
    images, labels = np.zeros((2, 1, 8, 8)), np.array([0, 1])
    logits = trainer.logits(images)
    likely = logits - logits.max(1, keepdims=True)  # the others are e^-100 beside it
    target = (1 - smoothing) * np.eye(10)[labels] + smoothing / 10
    loss = float(trainer.step(images, labels, lr=0.0, seed=0))
    assert loss > 400
    assert abs(loss + (target * likely).sum(1).mean()) <= ROUNDING["float64"] * loss
