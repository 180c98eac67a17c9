"""The benchmark compares like with like: every public form computes what our block computes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.cases import CASES, DIRECTIONS
from nlblocks.numerics.difference import measure
from nlblocks.paths import force
from parity_tests.helpers.blocks import Require, built
from parity_tests.helpers.checkout import python


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("name", CASES)
def test_public_form_is_the_same_function(name: str, backend: str, require: Require) -> None:
    require(backend)
    library = importlib.import_module(f"benchmarks.{backend}_forms")
    spec = CASES[name].make(64, 8)
    module = built(spec, backend, "float32")
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


def test_what_is_skipped_and_why() -> None:
    from benchmarks.__main__ import _too_much

    row = {"channels": 64, "side": 112, "direction": "forward"}
    assert _too_much(CASES["concatenation"], {**row, "side": 1120}, None, 60.0).endswith(" GB")
    assert _too_much(CASES["gaussian"], {**row, "side": 8}, None, 60.0) == ""
    smaller = {"side": 56, "times": {"public": {"wall": 10.0}}, "skipped": {}}
    assert _too_much(CASES["gaussian"], row, smaller, 60.0) == "160 s"  # 16 times as many pairs
    assert _too_much(CASES["gaussian"], row, smaller, 200.0) == ""
    skipped = {"side": 56, "times": {}, "skipped": {"public": "160 s"}}
    assert _too_much(CASES["gaussian"], row, skipped, 200.0) == "2560 s"
    assert _too_much(CASES["squeeze_excitation"], row, smaller, 1.0) == ""  # it has no map of pairs


def test_a_skipped_form_is_named_in_the_table() -> None:
    row = {
        "backend": "torch", "case": "concatenation", "channels": 64, "direction": "forward", "side": 112,
        "times": {"ours": {"wall": 0.01}, "half": {"wall": 0.004}}, "memory": {}, "skipped": {"public": "81 GB"},
    }  # fmt: skip
    assert report.markdown([row], "wall").splitlines()[-1] == (
        "| concatenation | torch | 64 | 112 | forward | 10.0 | (81 GB) | – | – | 2.5 | – | – |"
    )


def test_the_command_measures_writes_and_names_what_it_skips(tmp_path: Path, require: Require) -> None:
    require("torch")
    command = ["-m", "nlblocks", "bench", "--backends", "torch", "--blocks", "dot_product"]
    command += ["--channels", "4", "--seconds", "0.01", "--output", str(tmp_path / "found")]

    def rows_of(*options: str) -> list[dict[str, Any]]:
        found = python(*command, *options)
        assert found.returncode == 0, found.stderr
        rows: list[dict[str, Any]] = json.loads((tmp_path / "found.json").read_text())["rows"]
        return rows

    rows = rows_of("--sides", "6,8")
    assert [(row["side"], row["direction"]) for row in rows] == [(s, d) for d in DIRECTIONS for s in (6, 8)]
    assert all({"ours", "half", "public", "convolutions"} == set(row["times"]) for row in rows)
    assert all({"ours", "public"} == set(row["memory"]) for row in rows)
    assert len((tmp_path / "found.md").read_text().splitlines()) == 4 + len(rows)
    assert (tmp_path / "found.png").stat().st_size > 1000
    more = rows_of("--sides", "6,8,10", "--resume", "--no-memory")
    assert more[: len(rows)] == rows  # kept as they were
    assert [(row["side"], row["memory"]) for row in more[len(rows) :]] == [(10, {}), (10, {})]


def test_a_measurement_that_fails_says_so(require: Require) -> None:
    require("torch")
    task = {"backend": "torch", "case": "cbam", "channels": 4, "direction": "forward", "side": -1, "forms": []}
    found = python("-m", "benchmarks.worker", "torch", given=json.dumps(task))
    assert "error" in json.loads(found.stdout.strip())
