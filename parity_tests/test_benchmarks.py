"""The benchmark compares like with like: every public form computes what our block computes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nlblocks
from benchmarks import report
from benchmarks.cases import CASES, DIRECTIONS
from nlblocks.parity import sample
from nlblocks.parity.measure import measure
from nlblocks.paths import force

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("name", CASES)
def test_public_form_is_the_same_function(name: str, backend: str, require: Callable[..., None]) -> None:
    require(backend)
    library = importlib.import_module(f"benchmarks.{backend}_forms")
    spec = CASES[name].make(64, 8)
    module = nlblocks.build(spec, backend=backend)
    nlblocks.load_state(module, sample.random_state(spec, 0))
    module.eval()
    x = library.random_input((1, 64, 8, 8))
    library.track(x)
    forms = library.forms(spec.kind, module, x)
    assert {"ours", "public"} <= set(forms)
    with force("fast"):
        ours, public = (forms[form](x)[0].detach().numpy() for form in ("ours", "public"))
        for form in forms:
            library.backward(forms[form](x), module, x)
    assert measure(ours, public).relative < 1e-5


def test_a_power_law_is_found() -> None:
    assert report.exponent([(n, 3 * n**1.5) for n in (10.0, 20.0, 80.0)]) == pytest.approx(1.5)
    assert report.exponent([(10.0, 1.0)]) is None


def test_the_command_measures_writes_and_names_what_it_skips(tmp_path: Path, require: Callable[..., None]) -> None:
    require("torch")
    command = [sys.executable, "-m", "nlblocks", "bench", "--backends", "torch", "--blocks", "dot_product"]
    command += ["--sides", "6,8", "--channels", "4", "--seconds", "0.01", "--output", str(tmp_path / "found")]
    found = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'backends'}"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [(row["side"], row["direction"]) for row in rows] == [(s, d) for d in DIRECTIONS for s in (6, 8)]
    assert all({"ours", "public", "convolutions"} == set(row["times"]) for row in rows)
    assert (tmp_path / "found.png").stat().st_size > 1000
