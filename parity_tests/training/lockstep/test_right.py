"""Right trainings are the same, with every rule of the optimiser; chaos never is."""

from __future__ import annotations

from typing import Any

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.lockstep_study import recipe, trained

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


def test_float32_is_the_same_as_long_as_a_nudge_leaves_it_so(require: Require) -> None:
    require("torch", "paddle")
    report = trained(recipe(precision="float32"), steps=6)
    assert report.verdict == "same", str(report)
    assert max(one.apart for one in report.losses) > 0.0


def test_a_training_that_a_nudge_changes_is_not_compared(require: Require) -> None:
    require("torch", "paddle")
    report = trained(recipe(precision="float32", optimiser={"lr": 0.1}), steps=10)
    assert report.verdict == "not compared", str(report)
    assert not report
    assert "chaotic" in str(report)
