"""The toy as a stranger installs it: packages and an entry point on the path; the commands, in fresh processes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import nlblocks
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.checkout import ROOT, python
from parity_tests.weights.tables import bits

HERE = Path(__file__).parent
CORE = ROOT / "nlblocks"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
MODELS = """
import numtape

class Net(numtape.Module):
    def __init__(self, eps=1e-5):
        self.first, self.norm, self.last = numtape.Linear(5, 8), numtape.BatchNorm(8, eps=eps), numtape.Linear(8, 3)

    def forward(self, x):
        return numtape.clip(self.last(numtape.relu(self.norm(self.first(x)))), -0.3, 0.4)

def faulty():
    return Net(eps=1e-3)

model = Net()
"""
TORCH_MODELS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.bn, self.fc2 = nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.bn(self.fc1(x)))).clamp(-0.3, 0.4)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What pip would leave in site-packages, and a user's models beside it."""
    folder = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("numtape", "nlblocks_toy"):
        shutil.copytree(HERE / package, folder / package, ignore=ignored)
    about = folder / "nlblocks_toy-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nlblocks-toy\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[nlblocks.backends]\ntoy = nlblocks_toy\n")
    (tmp_path / "toy_models.py").write_text(MODELS)
    (tmp_path / "torch_models.py").write_text(TORCH_MODELS)
    return folder


@pytest.fixture
def run(site: Path) -> Run:
    """``run("verify", "--kind", ...)``: the command, started in the user's folder."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "backends", site)))

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        return python("-W", "ignore", "-m", "nlblocks", *words, cwd=site.parent, PYTHONPATH=path)

    return call


def sources() -> dict[str, str]:
    files = [*CORE.rglob("*.py"), *(ROOT / "backends").rglob("*.py")]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_file_of_the_core_knows_it() -> None:
    told = re.compile(r"numtape|nlblocks_toy|\btoy\b", re.IGNORECASE)
    assert [path for path in sources() if told.search(Path(path).read_text(encoding="utf-8"))] == []
    assert told.search((HERE / "nlblocks_toy" / "__init__.py").read_text(encoding="utf-8"))


def test_a_stranger_lists_verifies_compares_and_converts(run: Run, site: Path, require: Any) -> None:
    require("torch")
    before, folder = sources(), site.parent

    assert "squeeze_excitation" in run("list").stdout
    for kind, has in (("squeeze_excitation", True), ("non_local", False)):
        (shown,) = [line for line in run("show", kind).stdout.splitlines() if line.startswith("backends")]
        assert ("toy" in shown) == has

    words = ["--kind", "squeeze_excitation", "--in-channels", "8", "--ratio", "2", "--json", folder / "found.json"]
    verified = run("verify", "--backends", "torch,toy,reference", *words)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "identical" in verified.stdout
    (report,) = json.loads((folder / "found.json").read_text())["reports"]
    assert report["backends"] == ["torch", "toy", "reference"]
    lacked = run("verify", "--backends", "torch,toy", "--kind", "non_local", "--in-channels", "4")
    assert (lacked.returncode, len(lacked.stderr.splitlines())) == (2, 1)
    assert "nlblocks: nlblocks_toy has no NonLocal" in lacked.stderr

    compared = run("compare", "torch_models:Net", "toy_models:model", "--input", "6,5", "--report", "report.html")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "Net (torch) against Net (toy)" in compared.stdout
    assert (folder / "report.html").is_file()
    differing = run("compare", "torch_models:Net", "toy_models:faulty", "--input", "6,5")
    assert differing.returncode == 1
    assert "batch_norm.eps" in differing.stdout

    block = nlblocks.build(nlblocks.specs.SqueezeExcitation(in_channels=8, ratio=2), backend="torch")
    nlblocks.save(block, folder / "a.pth")
    for step in (("a.pth", "b.safetensors", "--to", "toy"), ("b.safetensors", "c.pth", "--from", "toy")):
        done = run("convert", *step)
        assert done.returncode == 0, done.stderr
    assert bits(open_checkpoint(folder / "c.pth").tensors) == bits(open_checkpoint(folder / "a.pth").tensors)
    turned = load_file(folder / "b.safetensors")["fc_1.weight"]
    assert np.array_equal(turned.T, nlblocks.state_of(block)["fc_1.weight"])

    assert sources() == before


def test_a_run_is_captured_here_and_compared_there(run: Run, site: Path, require: Any) -> None:
    require("torch")
    captured = run("capture", "toy_models:Net", "--input", "6,5", "--out", "toy.safetensors")
    assert captured.returncode == 0, captured.stderr
    assert "Net (toy)" in captured.stdout
    compared = run("compare", "toy.safetensors", "torch_models:Net")
    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_what_it_needs_and_is_not_there_is_one_clear_line(run: Run, site: Path) -> None:
    shutil.rmtree(site / "numtape")
    verified = run("verify", "--kind", "squeeze_excitation", "--in-channels", "8")
    assert verified.returncode == 2
    assert verified.stderr.splitlines() == [
        "nlblocks: backend 'toy': nlblocks_toy cannot be imported: No module named 'numtape'; install what is missing"
    ]
    converted = run("convert", "--help")  # which needs its table alone
    assert "toy" in converted.stdout
    shutil.rmtree(site / "nlblocks_toy")
    verified = run("verify", "--kind", "squeeze_excitation", "--in-channels", "8")
    assert verified.returncode == 2
    assert "No module named 'nlblocks_toy'" in verified.stderr
