"""What a verdict says, to people and in JSON: where they part and why, what is not judged, what was left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nlblocks.errors import InputError
from nlblocks.training.data import Batches, read_data
from nlblocks.training.lockstep import lockstep
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.lockstep_study import NET, otherwise, recipe, spoil, trained
from parity_tests.helpers.training import tiny_recipe


def test_the_same_is_said_with_how_far_apart_and_what_a_nudge_makes_of_it(require: Require) -> None:
    require("torch", "paddle")
    report = trained(recipe(), steps=5)
    apart, nudge = (max(getattr(one, name) for one in report.losses) for name in ("apart", "nudge"))
    assert str(report).splitlines()[0] == "attention_resnet: the same training in torch and paddle"
    assert f"each left to itself: losses apart by at most {apart:.1e}, nudge {nudge:.1e}" in str(report)
    assert 0.0 < apart < 1e-12
    assert nudge > 0.0
    assert all(0.0 < one.apart < 1e-6 for one in report.drift.values())


def test_gradients_that_are_rounding_alone_are_named_and_their_weights_judged(require: Require) -> None:
    """A bias before a BatchNorm: Adam makes steps of full size of its rounding, from either side's the same."""
    require("torch", "paddle")
    report = trained(recipe(optimiser={"eps": 1e-30}), steps=5)
    assert report.verdict == "same", str(report)
    before_norms = {p.name for p in NET.params() if p.name.endswith("bias") and "conv" in p.name}
    assert report.zero
    assert set(report.zero) <= before_norms
    assert f"{len(report.zero)} gradients are zero but for rounding" in str(report)
    assert report.worst["weights"][0].difference.relative < 1e-12 < report.drift["weights"].apart


def test_where_they_part_the_lab_says_why(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    spoil(monkeypatch, otherwise(net=lambda net: replace(net, norm=replace(net.norm, momentum=0.2))))
    report = trained(recipe(), steps=3)
    assert not report
    assert report.parting is not None
    assert report.parting.lab is not None
    assert report.parting.lab.finding is not None
    assert report.parting.lab.finding.cause == "batch_norm.momentum"
    text = str(report)
    assert "attention_resnet: not the same training in torch and paddle: they part in step 1" in text
    assert "batch_norm.momentum" in text


def test_the_verdict_is_kept_as_json(tmp_path: Path, require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    spoil(monkeypatch, otherwise(lambda study: replace(study, label_smoothing=0.1)))
    report = trained(recipe(), steps=3)
    report.save(tmp_path / "lockstep.json")
    kept = json.loads((tmp_path / "lockstep.json").read_text())
    assert (kept["verdict"], kept["parting"]["step"], kept["parting"]["first"]["group"]) == ("different", 1, "loss")
    assert kept["losses"] == [{"first": one.first, "second": one.second, "nudge": one.nudge} for one in report.losses]
    assert kept["parting"]["lab"]["verdict"] == "same"  # the models are: the loss is not
    with pytest.raises(InputError, match=r"must end in .json"):
        report.save(tmp_path / "lockstep.txt")


def test_random_parts_are_off_and_it_is_said(require: Require) -> None:
    require("torch", "paddle")
    study = replace(tiny_recipe(), precision="float64")
    batches = Batches(study, read_data("digits"))
    for variant, off in zip(study.variants, (True, False), strict=True):
        report = lockstep(study, variant.model, batches, name=variant.name, steps=2)
        assert report.verdict == "same", str(report)
        assert ("dropout is off" in str(report)) is off


def test_mixed_precision_is_refused() -> None:
    study = recipe(precision="mixed")
    with pytest.raises(InputError, match="precision='mixed' cannot be judged"):
        trained(study, steps=1)
