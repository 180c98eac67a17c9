"""nlblocks train --lockstep: the verdict on the screen, in a file, and as the exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call
from parity_tests.helpers.lockstep_study import nothing_may_be_rounding, otherwise, spoil

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")
TINY = (
    "digits_ablation", "--lockstep", "--variant", "baseline", "--variants.baseline.model.width", 2, "--data.size", 8,
    "--epochs", 1,
)  # fmt: skip
SHORT = *TINY, "--batch-size", 400


def test_the_same_training_exits_with_0_and_keeps_its_verdicts(tmp_path: Path, require: Require) -> None:
    """A recipe in float32 is judged in float64, and explained in float32."""
    require("torch", "paddle")
    result = call("train", *SHORT, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert "baseline: the same training in torch and paddle" in result.output
    for precision in ("float64", "float32"):
        kept = json.loads((tmp_path / "baseline" / f"lockstep-{precision}.json").read_text())
        assert (kept["verdict"], kept["precision"], kept["steps"]) == ("same", precision, 3)


def test_a_fault_exits_with_1(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    spoil(monkeypatch, otherwise(lambda study: replace(study, label_smoothing=0.1)))
    result = call("train", *SHORT, "--precision", "float64")
    assert result.exit_code == 1, result.output
    assert "baseline: not the same training in torch and paddle: they part in step 1" in result.output


def test_a_training_that_cannot_be_judged_exits_with_2(require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    nothing_may_be_rounding(monkeypatch)
    result = call("train", *SHORT, "--precision", "float64")
    assert result.exit_code == 2, result.output
    assert "baseline: not compared in torch and paddle: 3 of 3 steps are not judged, the first of them" in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--backend", "torch"), "leave out --backend torch"),
        (("--seeds", 2), "--seeds has no effect here"),
        (("--precision", "mixed"), "mixed precision rounds by its own rules"),
    ],
)
def test_what_has_no_meaning_beside_it_is_refused(options: tuple[object, ...], said: str, require: Require) -> None:
    require("torch", "paddle")
    result = call("train", *SHORT, *options)
    assert result.exit_code == 2
    assert said in result.output
