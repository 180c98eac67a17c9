"""The optimiser's half of a step, alone: by the step's own gradients it is the step, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.training.running import trainer_of
from parity_tests.helpers.trainers import FRAMEWORKS, NET, group, recipe, tensors, train

OPTIMISERS: dict[str, dict[str, Any]] = {
    "momentum": {"rule": "sgd", "lr": 0.003, "momentum": 0.9, "weight_decay": 0.3},
    "adam": {"rule": "adam", "weight_decay": 0.3, "clip": 0.5},
    "adamw": {"rule": "adamw", "lr": 0.01, "weight_decay": 0.3},
}


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rule", OPTIMISERS)
def test_an_update_by_the_gradients_of_a_step_is_the_step(
    backend: str, precision: str, rule: str, require: Any
) -> None:
    require(backend)
    groups = [group("fc_1.*", lr_factor=0.5), group("conv_1.*", frozen=True)]
    spec = recipe(optimiser=OPTIMISERS[rule], precision=precision, groups=groups)
    before = train(trainer_of(backend, spec, NET), spec, steps=3).state
    whole, alone = trainer_of(backend, spec, NET), trainer_of(backend, spec, NET)
    for trainer in (whole, alone):
        trainer.load(before)
    stepped = train(whole, spec, steps=1, start=3)
    alone.update(stepped.gradients[0], lr=spec.optimiser.lr)
    found, expected = tensors(alone.state()), tensors(stepped.state)
    assert alone.state().step == stepped.state.step
    assert found.keys() == expected.keys()
    assert all(np.array_equal(value, expected[name]) for name, value in found.items())
