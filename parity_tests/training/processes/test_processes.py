"""Two processes train as one would: the same batches, gradients and files; and one that is killed ends both."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.resume import differences
from nlblocks.errors import InputError
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Options, trainer_of
from nlblocks.training.runs import Plan, RunFolder, StudyFolder
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.launching import WORLD, launch, process, said
from parity_tests.helpers.training import tiny_batches, tiny_recipe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes to kill in /proc")
BACKENDS = ("torch", "paddle")
VICTIMS = {"torch": 1, "paddle": 0}
"""Which rank is killed: one that only helps, and the one that writes."""
EPOCHS = 8
GRADIENTS = 1e-12
"""float64: how far the mean of two gradients may be from that of the whole batch, of the largest element."""


def recipe() -> Recipe:
    """A network with a norm, in float64; one step an epoch, of all the digits."""
    found = tiny_recipe(precision="float64", batch_size=1438, epochs=EPOCHS, sync_norm=True)
    return replace(found, variants=found.variants[1:])


def words(folder: Path, backend: str) -> list[object]:
    """The command that trains it into a folder, each epoch's checkpoint kept."""
    file = folder / "recipe.json"
    file.write_text(json.dumps(recipe().to_dict()))
    options = ("--backend", backend, "--keep-every", 1, "--no-tensorboard", "--no-visualdl")
    return ["train", file, *options, "--output", folder / "runs"]


def run_in(folder: Path) -> RunFolder:
    (found,) = StudyFolder(folder / "runs").runs()
    return found


def gradients(run: RunFolder) -> dict[str, np.ndarray]:
    """Those of the first step: Adam's first moment after it is (1 - beta1) of them."""
    optimiser = run.path / "checkpoints" / "step-00000001.optimiser.safetensors"
    state = open_checkpoint(optimiser).state()
    return {name: array / (1 - 0.9) for name, array in state.items() if name.startswith("slots.m.")}


def distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest difference, of the largest element of all."""
    assert one.keys() == other.keys()
    largest = max(np.abs(array).max() for array in one.values())
    return float(max(np.abs(one[name] - other[name]).max() for name in one) / largest)


@pytest.fixture(scope="module", params=BACKENDS)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, str]:
    """A run of two processes, and what they said."""
    pytest.importorskip(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    launcher = launch(request.param, words(folder, request.param), folder)
    text = said(launcher, folder)
    assert launcher.returncode == 0, text
    return run_in(folder), text


@pytest.fixture(scope="module")
def one(two: tuple[RunFolder, str], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run, in one process."""
    folder = tmp_path_factory.mktemp("one")
    for _ in Plan(recipe=recipe(), backends=(two[0].backend,), keep_every=1).train(folder, tiny_batches(recipe())):
        pass
    return StudyFolder(folder).runs()[0]


def test_two_processes_have_the_gradients_and_statistics_of_one(two: tuple[RunFolder, str], one: RunFolder) -> None:
    assert distance(gradients(one), gradients(two[0])) <= GRADIENTS
    weights = [{name: a for name, a in run.weights(0).items() if "running" in name} for run in (one, two[0])]
    assert weights[0]
    assert distance(*weights) <= GRADIENTS
    curves = [run.metrics().losses for run in (one, two[0])]
    assert np.abs(curves[0] - curves[1]).max() <= 1e-9


def test_the_gradient_of_one_share_is_another(one: RunFolder) -> None:
    """What the test above would see if the processes kept their gradients to themselves."""
    whole = tiny_batches(recipe())
    share = whole.of(recipe(), rank=0, world=WORLD)
    trainer = trainer_of(one.backend, recipe(), recipe().variants[0].model, Options())
    for images, labels in trainer.loader(share, 0, 0):
        trainer.step(images, labels, lr=1e-3, seed=0)
    own = {f"slots.m.{name}": array for name, array in trainer.gradients().items()}
    assert distance(gradients(one), own) > 1e6 * GRADIENTS


def test_one_process_writes_and_speaks(two: tuple[RunFolder, str]) -> None:
    run, text = two
    assert [session["processes"] for session in run.sessions] == [WORLD]
    assert run.metrics().step == EPOCHS
    assert run.steps() == [*range(1, EPOCHS + 1)]
    assert text.count("top-1 %") == {"torch": 1, "paddle": 2}[run.backend]  # in Paddle's own log, and repeated
    assert "killed" not in text


def test_a_killed_process_ends_both_and_the_run_goes_on_to_the_bit(two: tuple[RunFolder, str], tmp_path: Path) -> None:
    backend = two[0].backend
    victim = VICTIMS[backend]
    launcher = launch(backend, words(tmp_path, backend), tmp_path)
    metrics = tmp_path / "runs" / "certain" / backend / "seed-0" / "metrics.jsonl"
    while not metrics.exists() and launcher.poll() is None:
        time.sleep(0.005)
    os.kill(process(launcher, backend, victim), signal.SIGKILL)
    text = said(launcher, tmp_path)
    assert launcher.returncode not in (0, None), text
    assert f"nlblocks: process {victim} of {WORLD} was killed" in text
    assert run_in(tmp_path).metrics().step < EPOCHS
    again = launch(backend, words(tmp_path, backend), tmp_path)
    text = said(again, tmp_path)
    assert again.returncode == 0, text
    assert differences(two[0], run_in(tmp_path)) == []


@pytest.fixture
def as_if_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that torchrun sets."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("as_if_launched")
def test_processes_of_one_framework_train_in_no_other(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    batches = tiny_batches(recipe())
    for backends in (("paddle",), ("torch", "paddle")):
        with pytest.raises(InputError, match=r"torchrun started 2 processes, .* give --backend torch"):
            next(Plan(recipe=recipe(), backends=backends).train(tmp_path / "runs", batches))
    assert not (tmp_path / "runs").exists()


def test_every_image_of_a_batch_goes_to_one_process() -> None:
    batches = tiny_batches(tiny_recipe())
    shares = [batches.of(batches.recipe, rank=rank, world=WORLD).steps(1) for rank in range(WORLD)]
    for step, whole in enumerate(batches.steps(1)):
        parts = [share[step] for share in shares]
        for kind in range(2):
            woven = np.empty_like(whole[kind])
            for rank, part in enumerate(parts):
                woven[rank::WORLD] = part[kind]
            assert np.array_equal(woven, whole[kind])
    with pytest.raises(InputError, match="must be a multiple of the 3 processes"):
        batches.of(batches.recipe, world=3)


def test_processes_draw_differently() -> None:
    batches = tiny_batches(tiny_recipe())
    other: Batches = batches.of(batches.recipe, rank=1, world=WORLD)
    assert batches.step_seed(3) != other.step_seed(3)
