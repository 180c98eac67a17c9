"""``nlblocks train`` ends with a report; ``nlblocks report`` makes it again from the folder, without a framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlblocks.training.runs import StudyFolder
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import python
from parity_tests.helpers.command_line import call
from parity_tests.helpers.studies import study_folder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")
FILES = {"table.txt", "curves.png", "report.html"}
FIELDS = ("--epochs", 1, "--batch-size", 700, "--data.size", 8, "--variant", "baseline")
"""The least that digits_ablation can be: two steps."""


def test_train_ends_with_the_tables_and_writes_the_report(tmp_path: Path, require: Require) -> None:
    require("torch")
    folder = tmp_path / "study"
    result = call("train", "digits_ablation", "--backend", "torch", *FIELDS, "--output", folder)
    assert result.exit_code == 0, result.output
    assert (folder / "table.txt").read_text() in result.stdout.replace("\n\nwritten:", "\n")
    assert {path.name for path in folder.iterdir()} >= FILES
    line = "run 1 of 1, baseline in torch, seed 0: epoch 1 of 1, loss "
    assert line in result.stderr
    (run,) = StudyFolder(folder).runs()
    assert list(run.path.glob("events.out.tfevents.*"))
    answers, pictures = run.answers(), StudyFolder(folder).pictures()
    assert answers is not None
    assert pictures is not None
    assert (answers.predicted == pictures.labels).mean() == run.epochs()[-1].top1
    assert answers.forward_ms > 0


def test_a_folder_is_enough(tmp_path: Path) -> None:
    folder = study_folder(tmp_path / "study", seeds=2)
    script = (
        "import sys\nfrom nlblocks.cli import main\n"
        f"main(['report', {str(folder)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'paddle'} & set(sys.modules)\n"
    )
    found = python("-c", script)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("After epoch 6: median of the seeds (least–greatest)")
    assert {path.name for path in folder.iterdir()} >= FILES


def test_event_files_can_be_left_out_and_need_a_folder(tmp_path: Path, require: Require) -> None:
    require("torch")
    words = ("train", "digits_ablation", "--backend", "torch", *FIELDS)
    refused = call(*words, "--tensorboard")
    assert refused.exit_code == 2
    assert "write beside the runs; give --output" in refused.output
    assert call(*words, "--output", tmp_path, "--no-tensorboard", "--no-visualdl").exit_code == 0
    assert not list(tmp_path.rglob("events.out*"))


def test_of_a_run_the_study_is_named(tmp_path: Path) -> None:
    folder = study_folder(tmp_path / "study", backends=("torch",), seeds=1)
    result = call("report", folder / "baseline" / "torch" / "seed-0")
    assert result.exit_code == 2
    assert f"is one run of a study; name the folder of the study, {folder.resolve()}" in result.output


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_study_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = call("report", tmp_path / name)
    assert result.exit_code == 2
    assert "is not the folder of a study" in result.output
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
