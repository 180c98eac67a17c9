"""Every example runs from a clone, without anything else; the notebooks run from top to bottom."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nlblocks
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, environment, python

EXAMPLES = ROOT / "examples"
DIGIT_NET = EXAMPLES / "digit_net"
NOTEBOOKS = sorted(path.name for path in (EXAMPLES / "notebooks").glob("*.ipynb"))
BLAMELESS = {"blog.py"}  # what port_blog.py ports: a model's code, nothing to run


def test_every_example_is_run_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "parity_tests").rglob("test_*.py"))
    programs = {path.name for path in EXAMPLES.rglob("*.py")} - BLAMELESS
    assert programs
    assert {name for name in programs if f'"{name}"' not in tests} == set()


def test_one_checkpoint_in_both_frameworks_without_a_folder(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    found = python(EXAMPLES / "port_published_checkpoint.py", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    label = re.search(r"`digit.png`, .* a (\d)", (DIGIT_NET / "README.md").read_text(encoding="utf-8"))
    assert label
    assert found.stdout.count(f"sees class {label[1]},") == 4
    assert {path.name for path in (tmp_path / "attention").iterdir()} == {
        "maps.html", "digit.nl_1.png", "digit.nl_2.png",
    }  # fmt: skip


def test_a_folder_without_the_published_files_says_where_they_are_from(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    found = python(EXAMPLES / "port_published_checkpoint.py", tmp_path)
    assert found.returncode == 2
    assert "has no net.pth, sample.png, nl_map_1.npy, nl_map_2.npy" in found.stderr
    assert "GitHub repository AlexHex7/Non-local_pytorch" in found.stderr


def test_the_digit_net_answers_as_its_page_says(require: Require) -> None:
    """Its figure is measured again, with the file as it is."""
    require("torch")
    pytest.importorskip("sklearn")
    from nlblocks.training.data import Batches, read_data
    from nlblocks.training.recipes import Recipe

    recipe = Recipe.from_dict(json.loads((DIGIT_NET / "recipe.json").read_text(encoding="utf-8")))
    test = Batches(recipe, read_data("digits", None)).test
    net = nlblocks.load(DIGIT_NET / "digit_net.safetensors", "torch", dtype="float32")
    assert net.spec == recipe.variants[0].model
    answers = nlblocks.run(net, test.normalised(np.asarray(test.images[:]))).output.argmax(1)
    page = (DIGIT_NET / "README.md").read_text(encoding="utf-8")
    assert f"{(answers == test.labels).sum()} of {len(test)} test images" in page
    assert (DIGIT_NET / "digit_net.safetensors").stat().st_size < 500_000


def test_the_digit_net_can_be_made_again(tmp_path: Path, require: Require) -> None:
    require("torch")
    pytest.importorskip("sklearn")
    found = python("-W", "ignore", DIGIT_NET / "train.py", tmp_path, "--epochs", "1")
    assert found.returncode == 0, found.stdout + found.stderr
    made, kept = (folder / "digit_net.safetensors" for folder in (tmp_path, DIGIT_NET))
    assert _shapes(made) == _shapes(kept)
    assert (tmp_path / "digit.png").read_bytes() == (DIGIT_NET / "digit.png").read_bytes()
    assert re.search(r"torch: \d+ of 359 test images right", found.stdout)


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in nlblocks.state_of(nlblocks.load(file, "torch")).items()}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(name: str, require: Require) -> None:
    require("torch", "paddle")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    path = EXAMPLES / "notebooks" / name
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "clear its outputs: they would grow stale"
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env=environment())
    said = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert {"port_a_model.ipynb": "PROVEN EXCEPT", "look_at_attention.ipynb": "paddle sees a"}[name] in said
