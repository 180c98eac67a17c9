"""The command line, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlblocks.specs import NonLocal
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")


def test_verify_one_spec(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    out = tmp_path / "found.json"
    words = "verify --kind non_local --in-channels 4 --mode dot_product --sub-sample after --norm none --dims=1"
    result = call(*words.split(), "--json", str(out))
    assert result.exit_code == 0, result.output
    assert "identical" in result.output
    data = json.loads(out.read_text())
    assert data["agree"] is True
    (report,) = data["reports"]
    spec = NonLocal(in_channels=4, mode="dot_product", sub_sample="after", norm=None, dims=1)
    assert report["spec"] == spec.to_dict()
    assert {check["group"] for check in report["checks"]} >= {"output", "attention", "grad_input", "grad_params"}
    assert set(data["versions"]) == {"torch", "paddle", "reference"}


def test_verify_a_spec_file_on_a_given_shape(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    file, out = tmp_path / "spec.json", tmp_path / "found.json"
    file.write_text(json.dumps(NonLocal(in_channels=3).to_dict()))
    result = call("verify", "--spec", str(file), "--input", "1,3,4,2", "--seed", "5", "--json", str(out))
    assert result.exit_code == 0, result.output
    (report,) = json.loads(out.read_text())["reports"]
    assert report["input_shape"] == [1, 3, 4, 2]
    assert report["seed"] == 5


def test_verify_exits_1_and_names_the_place(tmp_path: Path, monkeypatch: Any, require: Require) -> None:
    require("torch", "paddle")
    from nlblocks_paddle.non_local import NonLocal as PaddleNonLocal

    true = PaddleNonLocal._attention
    monkeypatch.setattr(PaddleNonLocal, "_attention", lambda *args: true(*args).transpose([0, 2, 1]))
    result = call("verify", "--kind", "non_local", "--in-channels", "4", "--json", str(tmp_path / "found.json"))
    assert result.exit_code == 1
    assert "DIFFERENT" in result.output
    assert "output output, torch against paddle: at [" in result.output
    assert json.loads((tmp_path / "found.json").read_text())["agree"] is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("verify --kind nonlocal", "kind='nonlocal' is not a block; it must be one of"),
        ("verify --kind non_local", "option 'in_channels' is missing"),
        ("verify --kind non_local --in-channels 0", "in_channels=0 must be at least 1"),
        ("verify --kind non_local --in-channels four", "in_channels='four' must be an int"),
        ("verify --kind non_local --in-channels", "--in-channels has no value"),
        ("verify --kind non_local in_channels 4", "expected a field such as --in-channels 64, received 'in_channels'"),
        ("verify --kind non_local --in-channels 4 --input 2,3,4,4", "has 3 channels; it must have 4"),
        ("verify --kind non_local --in-channels 4 --input 2,x", "must be whole numbers"),
        ("verify --in-channels 4", "fields of a spec need --kind"),
        ("verify --input 2,3,4,4", "--input needs one spec"),
        ("verify --backends torch,jax", "backend 'jax' is unknown"),
        ("verify --kind non_local --in-channels 4 --backends reference", "name at least two"),
        ("verify --kind non_local --spec x.json", "not both"),
        ("verify --spec does-not-exist.json", "is not a spec in JSON"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(words: str, message: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*words.split())
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
