"""A run that was stopped anywhere goes on as if it had not been: the same bits at every step and at the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.resume import differences
from nlblocks.errors import InputError
from nlblocks.training.runs import Plan, RunFolder, StudyFolder
from nlblocks.weights.files import in_memory, open_checkpoint, write_checkpoint
from nlblocks.weights.files.dtypes import of_array
from parity_tests.helpers.checkout import python
from parity_tests.helpers.training import STEPS, tiny_batches, tiny_recipe

BACKENDS = ("torch", "paddle")
EVENTS = 2 * (STEPS + 1)


def trained(path: Path, backend: str, stop: int | None = None) -> RunFolder:
    """The tiny run, trained on to its end, or through ``stop`` of its events: what is not written by then is lost."""
    recipe = tiny_recipe()
    plan = Plan(recipe=recipe, backends=(backend,), variants=("dropout",), checkpoint_every=2)
    events = plan.train(path, tiny_batches(recipe))
    for _ in range(EVENTS if stop is None else stop):
        next(events, None)
    events.close()
    return StudyFolder(path).runs()[0]


@pytest.fixture(scope="module", params=BACKENDS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that nobody stopped."""
    pytest.importorskip(request.param)
    return trained(tmp_path_factory.mktemp("whole"), request.param)


@pytest.mark.parametrize("stop", range(1, EVENTS + 1))
def test_a_run_goes_on_to_the_bit_wherever_it_was_stopped(stop: int, whole: RunFolder, tmp_path: Path) -> None:
    trained(tmp_path, whole.backend, stop)
    resumed = trained(tmp_path, whole.backend)
    assert resumed.done
    assert differences(whole, resumed) == []
    assert resumed.steps() == whole.steps()


def test_a_resumed_curve_is_cut_back_to_its_checkpoint(whole: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path, whole.backend, 3)  # two steps and their checkpoint, and a step that no checkpoint has
    lines = (whole.path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run.path / "metrics.jsonl").write_text("".join(lines[:3]) + lines[3][:20])  # and a line that is torn
    partial = run.path / "checkpoints" / ".step-00000004.safetensors.abc.partial"
    partial.write_bytes(b"half")
    assert run.metrics().step == 3
    assert differences(whole, trained(tmp_path, whole.backend)) == []
    assert not partial.exists()


@pytest.mark.parametrize("lost", ["slots.m", "slots.v", "native", "conv_1.weight", "running_mean"])
def test_what_a_checkpoint_must_hold_is_missed(lost: str, whole: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path, whole.backend, 3)
    changed = 0
    for path in (run.path / "checkpoints").iterdir():
        checkpoint = open_checkpoint(path)
        arrays = {name: np.array(array) for name, array in checkpoint.state().items()}
        for name, array in arrays.items():
            if lost in name and ("slots" in name) == ("slots" in lost):
                changed += 1
                arrays[name] = (0.99 * array + 0.001).astype(array.dtype)
        tensors = {name: in_memory(array, of_array(array)) for name, array in arrays.items()}
        write_checkpoint(path, tensors, spec=checkpoint.spec, record=checkpoint.record)
    if lost == "native" and not changed:
        return  # torch needs nothing of its own
    assert changed
    assert differences(whole, trained(tmp_path, whole.backend))


def test_metrics_that_a_checkpoint_has_seen_are_missed(whole: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path, whole.backend, 4)
    (run.path / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match="ends at step 0, before the checkpoint of step 3"):
        trained(tmp_path, whole.backend)


def test_two_processes_do_not_train_in_one_folder(whole: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path, whole.backend, 3)
    script = (
        "import fcntl, subprocess, sys\n"
        f"file = open({str(run.path / '.lock')!r}, 'w')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "input()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InputError, match="another process is training"):
            trained(tmp_path, whole.backend)
    finally:
        holder.communicate("done\n")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_is_killed_goes_on_to_the_bit(backend: str) -> None:
    pytest.importorskip(backend)
    result = python("-m", "benchmarks.resume", "--backend", backend, "--kills", 2)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "bit-equal 2 of 2" in result.stdout
