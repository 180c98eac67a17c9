"""The benchmark of hand-over passes where all is moved, and fails where a moment is left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.handover import measure
from nlblocks.training.recipes import Recipe
from nlblocks.training.runs import RunFolder
from parity_tests.helpers.training import STEPS, tiny_recipe


def recipe() -> Recipe:
    """A network without dropout, whose masks are each framework's own."""
    found = tiny_recipe(precision="float64")
    return replace(found, variants=found.variants[1:])


def test_a_run_that_is_handed_over_is_off_by_rounding(
    require: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("torch", "paddle")
    assert measure("paddle", "torch", recipe(), nudges=1, folder=tmp_path)
    assert f"{STEPS} steps in paddle, then in torch to {2 * STEPS}" in capsys.readouterr().out


def test_a_moment_that_is_left_behind_is_seen(require: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch", "paddle")
    whole = RunFolder.state

    def without_the_second(folder: RunFolder) -> Any:
        found = whole(folder)
        if found is None:
            return None
        slots = {**found[0].slots}
        if "v" in slots:
            slots["v"] = {name: 2 * array for name, array in slots["v"].items()}
        return replace(found[0], slots=slots), found[1]

    monkeypatch.setattr(RunFolder, "state", without_the_second)
    assert not measure("torch", "paddle", recipe(), nudges=1, folder=tmp_path)
