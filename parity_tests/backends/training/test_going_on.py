"""A run goes on from its state: to the bit in one framework, to rounding in the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nlblocks import specs
from nlblocks.errors import InputError
from nlblocks.specs import BlockSpec
from nlblocks.training.running import TrainingState, trainer_of
from parity_tests.helpers.trainers import FRAMEWORKS, NET, RESNET, group, recipe, started, tensors, train

OPTIMISERS: dict[str, dict[str, Any]] = {
    "sgd": {"rule": "sgd", "lr": 0.01, "weight_decay": 0.3},
    "momentum": {"rule": "sgd", "lr": 0.003, "momentum": 0.9, "weight_decay": 0.3},
    "adam": {"rule": "adam", "weight_decay": 0.3},
    "adamw": {"rule": "adamw", "lr": 0.01, "weight_decay": 0.3},
}
DROPPING = replace(NET, dropout=0.5, norm=specs.BatchNorm())


def equal(left: TrainingState, right: TrainingState) -> bool:
    ours, theirs = ({**tensors(state), **state.native} for state in (left, right))
    return (
        left.step == right.step
        and ours.keys() == theirs.keys()
        and all(
            np.array_equal(value, theirs[name]) and value.dtype == theirs[name].dtype for name, value in ours.items()
        )
    )


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rule", OPTIMISERS)
def test_to_the_bit(backend: str, rule: str, precision: str, require: Any) -> None:
    """Into a fresh trainer, and into one that has trained otherwise; dropout and a norm among the layers."""
    require(backend)
    spec = recipe(optimiser=OPTIMISERS[rule], precision=precision, groups=[group("fc_1.*", lr_factor=0.5)])
    whole = train(trainer_of(backend, spec, DROPPING), spec, steps=10)
    half = train(trainer_of(backend, spec, DROPPING), spec, steps=5)
    fresh, used = trainer_of(backend, spec, DROPPING), trainer_of(backend, spec, DROPPING)
    train(used, spec, steps=3, start=7)
    for trainer in (fresh, used):
        trainer.load(half.state)
        assert equal(trainer.state(), half.state)
        rest = train(trainer, spec, steps=5, start=5)
        assert (rest.losses == whole.losses[5:]).all()
        assert equal(rest.state, whole.state)


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_state_is_a_copy(backend: str, require: Any) -> None:
    require(backend)
    spec = recipe()
    trainer = trainer_of(backend, spec, NET)
    state = train(trainer, spec, steps=2).state
    before = {name: value.copy() for name, value in tensors(state).items()}
    train(trainer, spec, steps=2, start=2)
    assert all((value == before[name]).all() for name, value in tensors(state).items())


@pytest.mark.parametrize(("first", "second"), [("paddle", "torch"), ("torch", "paddle")])
@pytest.mark.parametrize("rule", OPTIMISERS)
def test_the_other_framework_goes_on(first: str, second: str, rule: str, require: Any) -> None:
    require("torch", "paddle")
    spec = recipe(optimiser=OPTIMISERS[rule])
    alone = train(started(second, spec, NET), spec, steps=12)
    begun = train(started(first, spec, NET), spec, steps=6)
    trainer = trainer_of(second, spec, NET)
    trainer.load(begun.state)
    moved, given = tensors(trainer.state()), tensors(begun.state)
    assert moved.keys() == given.keys()
    assert all(np.array_equal(value, given[name]) for name, value in moved.items())
    rest = train(trainer, spec, steps=6, start=6)
    assert np.abs(rest.losses - alone.losses[6:]).max() <= 1e-12
    expected, found = tensors(alone.state), tensors(rest.state)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert np.abs(value - expected[name]).max() <= 1e-12 * np.abs(expected[name]).max(), name


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_state_of_another_model_changes_nothing(backend: str, require: Any) -> None:
    require(backend)
    spec = recipe()
    trainer = trainer_of(backend, spec, NET)
    before = train(trainer, spec, steps=2).state
    missing = dict(list(before.weights.items())[1:])
    turned = {"m": {"fc_1.weight": before.slots["m"]["fc_1.weight"].T}}
    for wrong in (replace(before, weights=missing), replace(before, slots=turned)):
        with pytest.raises(InputError, match="the state is of another model than this article_digit_net"):
            trainer.load(wrong)
    assert equal(trainer.state(), before)


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("net", [NET, RESNET], ids=["net", "resnet"])
def test_a_run_is_repeated_to_the_bit(backend: str, net: BlockSpec, require: Any) -> None:
    require(backend)
    spec = recipe(precision="float32", data={"size": 8 if net is NET else 16})
    first, second = (train(trainer_of(backend, spec, net), spec, steps=3) for _ in range(2))
    assert equal(first.state, second.state)
