"""A run goes on in another framework: its curve, its weights and what the optimiser keeps are moved."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.resume import differences
from nlblocks.errors import InputError
from nlblocks.training.recipes import Recipe
from nlblocks.training.runs import Plan, RunFolder
from parity_tests.helpers.command_line import call
from parity_tests.helpers.training import STEPS, tiny_batches, tiny_recipe

WAYS = [("paddle", "torch"), ("torch", "paddle"), ("torch", "torch"), ("paddle", "paddle")]
CLOSE = 1e-11
"""float64: what the losses of two frameworks may be apart over the nine steps of this test, of losses near 2."""
CLOSE_WEIGHTS = 1e-9
"""Adam divides by the root of the second moment: a bias before a norm, whose gradient is rounding alone (1e-17), moves
by that over eps (1e-8) of a step."""


def recipe_of(rule: str, epochs: int = 3) -> Recipe:
    recipe = tiny_recipe(epochs=epochs, precision="float64")
    momentum = {"momentum": 0.9} if rule == "sgd" else {}
    optimiser = replace(recipe.optimiser, rule=rule, weight_decay=0.01, **momentum)
    return replace(recipe, variants=recipe.variants[1:], optimiser=optimiser)


def trained(
    path: Path, recipe: Recipe, backend: str, source: RunFolder | None = None, stop: int | None = None
) -> RunFolder:
    """A run in a folder of its own, to its end or through ``stop`` events."""
    events = Plan(recipe=recipe, backends=(backend,), source=source).train(path, tiny_batches(recipe))
    for run, _ in islice(events, stop):
        last = run
    events.close()
    return last


@pytest.mark.parametrize("rule", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize(("first", "then"), WAYS)
def test_a_run_goes_on_as_if_it_had_always_been_there(first: str, then: str, rule: str, tmp_path: Path) -> None:
    for backend in (first, then):
        pytest.importorskip(backend)
    begun = trained(tmp_path / "begun", recipe_of(rule, epochs=1), first)
    moved = trained(tmp_path / "moved", recipe_of(rule), then, begun)
    alone = trained(tmp_path / "alone", recipe_of(rule), then)
    assert moved.metrics().losses[:STEPS].tolist() == begun.metrics().losses.tolist()
    assert np.abs(moved.metrics().losses - alone.metrics().losses).max() < CLOSE
    assert [session["backend"] for session in moved.sessions] == ([first, then] if first != then else [first])
    for name, array in alone.weights().items():
        assert np.abs(moved.weights()[name] - array).max() < CLOSE_WEIGHTS, name
    if first == then:
        assert differences(moved, alone) == []
    assert begun.metrics().step == STEPS  # the run that it came from is left alone


@pytest.mark.parametrize(("first", "then"), WAYS[:2])
def test_a_moment_that_is_not_moved_is_seen(first: str, then: str, tmp_path: Path) -> None:
    """The check of the test above can fail: without the second moment the next losses are far off."""
    for backend in (first, then):
        pytest.importorskip(backend)
    begun = trained(tmp_path / "begun", recipe_of("adam", epochs=1), first)
    other = trained(tmp_path / "other", replace(recipe_of("adam", epochs=1), seed=5), first)
    beside = "step-00000003.optimiser.safetensors"
    (begun.path / "checkpoints" / beside).write_bytes((other.path / "checkpoints" / beside).read_bytes())
    moved = trained(tmp_path / "moved", recipe_of("adam"), then, begun)
    alone = trained(tmp_path / "alone", recipe_of("adam"), then)
    assert np.abs(moved.metrics().losses - alone.metrics().losses).max() > 1e6 * CLOSE


def test_the_command_goes_on_from_a_run(tmp_path: Path) -> None:
    for backend in ("torch", "paddle"):
        pytest.importorskip(backend)
    begun = trained(tmp_path / "begun", recipe_of("adam", epochs=1), "torch")
    words = ("train", "--continue-from", begun.path, "--backend", "paddle", "--output", tmp_path / "on")
    result = call(*words, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert RunFolder(tmp_path / "on" / "certain" / "paddle" / "seed-0").metrics().step == 2 * STEPS


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--backend", "both"), "one run goes on, in one framework"),
        (("--backend", "torch", "--lr", "0.5"), "by its own recipe, to more epochs alone: optimiser.lr (0.001 there"),
        (("--backend", "torch", "digits_ablation"), "has a recipe of its own; leave out digits_ablation"),
        (("--backend", "torch", "--seeds", "2"), "one run goes on"),
    ],
)
def test_what_cannot_go_on_is_said_in_a_line(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    for backend in ("torch", "paddle"):
        pytest.importorskip(backend)
    begun = trained(tmp_path / "begun", recipe_of("adam", epochs=1), "torch")
    result = call("train", "--continue-from", begun.path, "--output", tmp_path / "on", *words)
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "on").exists()


def test_a_folder_without_a_checkpoint_or_run_is_no_source(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = recipe_of("adam", epochs=1)
    empty = RunFolder.begin(tmp_path / "empty", recipe, "torch")
    with pytest.raises(InputError, match="has no checkpoint yet"):
        trained(tmp_path / "on", recipe, "torch", empty)
    with pytest.raises(InputError, match="is not the folder of a run"):
        RunFolder(tmp_path)


def test_another_environment_is_written_down_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe_of("adam").to_dict()))
    trained(tmp_path / "runs", recipe_of("adam"), "torch", stop=1)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # frameworks read it when they are loaded
    words = ("--backend", "torch", "--output", tmp_path / "runs", "--no-tensorboard", "--no-visualdl")
    result = call("train", file, *words)
    assert result.exit_code == 0, result.output
    assert "OMP_NUM_THREADS from step 0 on; the last bits of its curve may be others" in result.output
