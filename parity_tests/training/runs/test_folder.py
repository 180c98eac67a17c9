"""A run is a folder that needs no framework to be read, and that is refused where it is another one's."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.training.runs import Plan, RunFolder, StudyFolder
from parity_tests.helpers.checkout import python
from parity_tests.helpers.command_line import call
from parity_tests.helpers.training import STEPS, tiny_batches, tiny_recipe

BACKENDS = ("torch", "paddle")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study, trained in both frameworks."""
    for backend in BACKENDS:
        pytest.importorskip(backend)
    path = tmp_path_factory.mktemp("study")
    recipe = tiny_recipe()
    for _ in Plan(recipe=recipe, backends=BACKENDS, variants=("dropout",), seeds=2).train(path, tiny_batches(recipe)):
        pass
    return path


def test_every_variant_backend_and_seed_has_its_folder(study: Path) -> None:
    runs = StudyFolder(study).runs()
    names = [run.path.relative_to(study).as_posix() for run in runs]
    assert names == [f"dropout/{backend}/seed-{seed}" for backend in BACKENDS for seed in (0, 1)]
    assert [run.recipe.seed for run in runs] == [0, 1, 0, 1]
    assert {run.recipe.variants[0].name for run in runs} == {"dropout"}
    rows = json.loads((study / "summary.json").read_text())["runs"]
    assert [row["folder"] for row in rows] == names
    assert all(row["done"] for row in rows)


def test_a_run_holds_a_line_a_step_and_a_line_an_epoch(study: Path) -> None:
    run = RunFolder(study / "dropout" / "torch" / "seed-0")
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert ["epoch" if "epoch" in line else line["step"] for line in lines] == [1, 2, 3, "epoch", 4, 5, 6, "epoch"]
    curve = run.metrics()
    assert curve.losses.tolist() == [line["loss"] for line in lines if "epoch" not in line]
    assert curve.rates.tolist() == [1e-3] * 2 * STEPS
    assert [epoch.loss for epoch in curve.epochs] == [curve.losses[:STEPS].mean(), curve.losses[STEPS:].mean()]
    session = run.sessions[0]
    assert session["versions"]["torch"]
    assert session["processes"] == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_weights_load_in_every_framework(study: Path, backend: str) -> None:
    run = RunFolder(study / "dropout" / "torch" / "seed-0")
    module = nlblocks.load(run.weights_file(), backend=backend)
    state = nlblocks.state_of(module)
    assert state.keys() == run.weights().keys()
    assert all(np.array_equal(state[name], array) for name, array in run.weights().items())


def test_inspect_understands_the_files(study: Path) -> None:
    run = RunFolder(study / "dropout" / "paddle" / "seed-0")
    shown = call("inspect", run.weights_file(), "--dialect", "nlblocks").output
    assert "ArticleDigitNet" in shown
    beside = call("inspect", run.weights_file().with_suffix(".optimiser.safetensors"), "--dialect", "nlblocks").output
    assert "slots" in beside


def test_a_run_is_read_without_a_framework(study: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom nlblocks.training.runs import StudyFolder\n"
        f"for run in StudyFolder(Path({str(study)!r})).runs():\n"
        "    print(run.metrics().step, len(run.weights()), run.state()[0].step)\n"
        "assert not {'torch', 'paddle'} & {*sys.modules}\n"
    )
    result = python("-c", script)
    assert result.returncode == 0, result.stderr
    tensors = len(StudyFolder(study).runs()[0].weights())
    assert result.stdout == f"6 {tensors} 6\n" * 4


def test_the_last_and_the_best_checkpoint_stay_and_every_kth(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = tiny_recipe(epochs=6)
    plan = Plan(recipe=recipe, backends=("torch",), variants=("certain",), checkpoint_every=2, keep_every=3)
    for run, _ in plan.train(tmp_path, tiny_batches(recipe)):
        last = run
    best = max(last.epochs(), key=lambda epoch: epoch.top1)
    assert set(last.steps()) == {3 * STEPS, 6 * STEPS, best.step}
    assert len([*(last.path / "checkpoints").iterdir()]) == 2 * len(last.steps())
    assert last.weights_file(best.epoch) == last.path / "checkpoints" / f"step-{best.step:08}.safetensors"
    gone = next(epoch.epoch for epoch in last.epochs() if epoch.step not in last.steps())
    with pytest.raises(InputError, match=f"no checkpoint of epoch {gone} is kept"):
        last.weights_file(gone)


def test_what_is_done_is_not_trained_again(study: Path) -> None:
    recipe = tiny_recipe()
    plan = Plan(recipe=recipe, backends=BACKENDS, variants=("dropout",), seeds=2)
    assert not [*plan.train(study, tiny_batches(recipe))]


def test_a_folder_of_another_recipe_is_refused(study: Path) -> None:
    recipe = tiny_recipe(epochs=3)
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, lr=0.5))
    with pytest.raises(
        InputError, match=r"another recipe: optimiser\.lr \(0\.001 there, 0\.5 here\), epochs \(2 there"
    ):
        next(Plan(recipe=recipe, backends=("torch",)).train(study, tiny_batches(recipe)))


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "holds a and is no study"), ("mine.txt", "is a file"), ("a/b/c", "name the folder of the study")],
)
def test_a_folder_that_is_no_study_is_refused_and_left_alone(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c" / "recipe.json").write_text("{}")
    recipe, before = tiny_recipe(), sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=says):
        next(Plan(recipe=recipe, backends=("torch",)).train(tmp_path / name, tiny_batches(recipe)))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_begins_where_lockstep_has_judged_its_models(tmp_path: Path) -> None:
    report = tmp_path / "dropout" / "lockstep-float64.json"
    report.parent.mkdir()
    report.write_text("{}")
    assert StudyFolder.begin(tmp_path, tiny_recipe()).runs() == []
    assert report.read_text() == "{}"


def test_a_run_of_other_images_is_refused(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path, dirs_exist_ok=True)
    environment = tmp_path / "dropout" / "torch" / "seed-0" / "environment.json"
    environment.write_text(environment.read_text().replace("1438 + 359 images, ", "1438 + 359 images, 0"))
    (tmp_path / "dropout" / "torch" / "seed-0" / "metrics.jsonl").write_text("")
    recipe = tiny_recipe()
    with pytest.raises(InputError, match="was trained on other images"):
        next(Plan(recipe=recipe, backends=("torch",)).train(tmp_path, tiny_batches(recipe)))


def test_a_damaged_file_is_said_in_one_line(study: Path, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(study / "dropout" / "torch" / "seed-0", tmp_path / "run"))
    (run.path / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 1.0, "lr": 1.0}\n{"step": 3, "loss": 1.0, "lr": 1.0}\n'
    )
    with pytest.raises(InputError, match="without a gap"):
        run.metrics()
    (run.path / "metrics.jsonl").write_text("hello\n")
    with pytest.raises(InputError, match="line 1 is not one of a run's metrics"):
        run.metrics()
    (run.path / "metrics.jsonl").unlink()
    run.weights_file().with_suffix(".optimiser.safetensors").write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match=r"optimiser\.safetensors"):
        run.state()


def test_weights_that_are_not_finite_end_a_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = tiny_recipe()
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, rule="sgd", lr=1e30))
    with pytest.raises(InputError, match="no longer finite"):
        for _ in Plan(recipe=recipe, backends=("torch",)).train(tmp_path, tiny_batches(recipe)):
            pass
    assert StudyFolder(tmp_path).runs()[0].steps() == []


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = tiny_recipe()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made: Not a directory"):
        next(Plan(recipe=recipe, backends=("torch",)).train(tmp_path / "file" / "runs", tiny_batches(recipe)))
    events = Plan(recipe=recipe, backends=("torch",)).train(tmp_path / "runs", tiny_batches(recipe))
    run, _ = next(events)
    (run.path / "metrics.jsonl").mkdir()
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be written: Is a directory"):
        list(events)
