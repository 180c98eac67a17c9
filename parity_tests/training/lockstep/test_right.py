"""Right trainings are the same, with every rule of the optimiser; what could not be judged never is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nlblocks.training.data import Batches, read_data
from nlblocks.training.lockstep import lockstep
from nlblocks.training.recipes import recipe_named
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.lockstep_study import nothing_may_be_rounding, recipe, trained

OPTIMISERS = (
    {"rule": "adam"}, {"rule": "adam", "weight_decay": 1e-2}, {"rule": "adamw", "weight_decay": 1e-1},
    {"rule": "adamw", "weight_decay": 1e-1, "decay_vectors": False}, {"rule": "sgd", "lr": 0.01},
    {"rule": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-3}, {"rule": "adam", "clip": 0.5},
    {"rule": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
)  # fmt: skip


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda one: "-".join(map(str, one.values())))
def test_every_rule_of_the_optimiser_trains_the_same(optimiser: dict[str, Any], require: Require) -> None:
    require("torch", "paddle")
    report = trained(recipe(optimiser=optimiser), steps=6)
    assert report.verdict == "same", str(report)
    assert len(report.losses) == 6
    assert max(one.apart for one in report.losses) <= 1e-10


@pytest.mark.parametrize("variant", [one.name for one in recipe_named("digits_ablation").variants])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_every_network_of_the_study_trains_the_same(variant: str, precision: str, require: Require) -> None:
    """Weights before a softmax have gradients of which rounding is much, and Adam makes steps of full size of them."""
    require("torch", "paddle")
    study = replace(recipe_named("digits_ablation"), precision=precision)
    report = lockstep(study, study.variant(variant).model, Batches(study, read_data("digits")), steps=2)
    assert report.verdict == "same", str(report)


def test_what_drifts_is_the_same_step_by_step(require: Require) -> None:
    """Far beyond where a nudge alone would part it, every step is still judged."""
    require("torch", "paddle")
    report = trained(recipe(precision="float32", optimiser={"lr": 0.1}), steps=10)
    assert report.verdict == "same", str(report)
    assert max(one.nudge for one in report.losses) > 1e-2


def test_what_nudges_move_too_far_is_not_compared(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    nothing_may_be_rounding(monkeypatch)
    report = trained(recipe(), steps=2)
    assert report.verdict == "not compared", str(report)
    assert not report
    assert "not compared in torch and paddle: 2 of 2 steps are not judged, the first of them step 1" in str(report)
    assert "the gradient of stem.conv.bias: one unit in the last place moves it by" in str(report)
