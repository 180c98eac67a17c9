"""What a recipe freezes stays as it is, to the bit: weights, and the running statistics of norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.training.running import trainer_of
from parity_tests.helpers.trainers import FRAMEWORKS, NET, RESNET, group, recipe, started, train

FROZEN = ("stem.", "stage_1.", "stage_2.1.")


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_frozen_layers_keep_everything(backend: str, precision: str, require: Any) -> None:
    require(backend)
    groups = [group(f"{name}*", frozen=True) for name in FROZEN]
    spec = recipe(groups=groups, precision=precision, optimiser={"weight_decay": 0.1}, data={"size": 16})
    trainer = started(backend, spec, RESNET)
    before = trainer.state()
    train(trainer, spec, steps=2)
    trainer.logits(np.zeros((2, 1, 16, 16)))  # evaluation between steps, as after an epoch
    run = train(trainer, spec, steps=2)
    for name, value in run.state.weights.items():
        assert (value == before.weights[name]).all() == name.startswith(FROZEN), name
    assert not [name for name in run.gradients[0] if name.startswith(FROZEN)]


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_frozen_norm_normalises_by_what_it_keeps(backend: str, require: Any) -> None:
    """The loss of a step is that of evaluation: no norm looks at the batch."""
    require(backend)
    spec = recipe(groups=[group("fc.*"), group("*", frozen=True)], data={"size": 16})
    trainer = started(backend, spec, RESNET)
    images, labels = np.random.default_rng(0).random((5, 1, 16, 16)), np.array([3, 0, 9, 9, 5])
    logits = trainer.logits(images)
    loss = np.mean(np.log(np.exp(logits).sum(1)) - logits[range(5), labels])
    assert abs(float(trainer.step(images, labels, lr=1e-3, seed=0)) - loss) <= 1e-12 * abs(loss)


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_something_is_left_to_train(backend: str, require: Any) -> None:
    require(backend)
    with pytest.raises(InputError, match="must leave a parameter that is not frozen"):
        trainer_of(backend, recipe(groups=[group("*", frozen=True)]), NET)
