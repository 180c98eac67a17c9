"""``nlblocks compare`` and ``nlblocks capture`` as a stranger uses them: what goes wrong is one line and status 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

pytest.importorskip("torch")
pytest.importorskip("paddle")

from parity_tests.helpers.command_line import call

MODELS = "parity_tests.helpers.user_models"
PAIR = (f"{MODELS}:torch_one", f"{MODELS}:paddle_one")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "user_syntax.py").write_text("def net(:\n")
    (tmp_path / "user_leaves.py").write_text("import sys; sys.exit(0)\n")
    (tmp_path / "user_fails.py").write_text("raise KeyError('config')\n")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    rng = np.random.default_rng(0)
    ids, mask = rng.integers(0, 10, (2, 5)), rng.random((2, 5))
    np.savez(tmp_path / "named.npz", mask=mask, ids=ids, scale=np.float64(2.0))
    np.savez(tmp_path / "plain.npz", ids, mask)
    np.savez(tmp_path / "partly.npz", ids=ids, weights=mask)
    np.savez(tmp_path / "none.npz")
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 4)))
    np.savez(tmp_path / "text.npz", x=np.array(["a"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def compared(left: str, right: str, *options: str, shape: str = "2,4") -> Result:
    return call("compare", f"{MODELS}:{left}", f"{MODELS}:{right}", "--input", shape, *options)


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    assert result.stderr.startswith("nlblocks: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (f"{MODELS}:missing", "has no missing"),
        (f"{MODELS}:number", "is of type int"),
        (f"{MODELS}:nothing", "returned None"),
        (f"{MODELS}:broken", "raises RuntimeError: two lines"),
        (f"{MODELS}:needs_an_argument", "missing 1 required positional argument"),
        (f"{MODELS}:Outputs", "missing 1 required positional argument"),
        ("user_syntax:net", "SyntaxError"),
        ("user_leaves:net", "SystemExit"),
        ("user_fails:net", "KeyError: 'config'"),
        ("no_such_package.x:net", "No module named 'no_such_package'"),
        ("user_syntax", "package.module:name"),
        (".:net", "package.module:name"),
        ("sub/models.py:net", "write sub.models:net"),
    ],
)
def test_a_model_that_cannot_be_had(model: str, says: str) -> None:
    assert says in refused(call("compare", model, PAIR[1], "--input", "2,4"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--input is missing"),
        (("--input", "2,x"), "whole numbers"),
        (("--input", ""), "whole numbers"),
        (("--input", "0,4"), "at least 1"),
        (("--input", "2,5"), "both models fail on inputs [2, 5] float64"),
        (("--input", "2,4", "--input", "2,4"), "both models fail"),
        (("--input", "no.npz"), "cannot be read"),
        (("--input", "cut.npz"), "cannot be read"),
        (("--input", "none.npz"), "holds no array"),
        (("--input", "empty.npz"), "holds nothing"),
        (("--input", "text.npz"), "dtype <U1"),
        (("--input", "2,4", "--report", "no/r.html"), "there is no folder no"),
        (("--input", "2,4", "--report", "folder.html"), "is a folder"),
        (("--input", "2,4", "--report", "r.txt"), ".html or .json"),
        (("--input", "2,4", "--rename", "fc"), "LEFT=RIGHT"),
        (("--input", "2,4", "--rename", "fc=head"), "'head' is nothing in the right model"),
        (("--input", "2,4", "--accept", "batch_norm.varianc"), "batch_norm.variance"),
        (("--input", "2,4", "--steps", "-1"), "at least 0"),
        (("--input", "2,4", "--optimiser", "lamb"), "'sgd', 'momentum', 'adam', 'adamw'"),
        (("--input", "2,4", "--optimiser", "adam:rho=1"), "has no setting 'rho'"),
        (("--input", "2,4", "--optimiser", "adam:lr=fast"), "must be a number"),
        (("--input", "2,4", "--optimiser", f"{MODELS}:number"), "no function of parameters"),
    ],
)
def test_options_that_cannot_be_used(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    assert says in refused(call("compare", *PAIR, *options))
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "__pycache__"}


@pytest.mark.parametrize(
    ("left", "right", "status", "says"),
    [
        ("torch_raises", "paddle_raises", 2, "both models fail"),
        ("torch_nothing", "paddle_nothing", 2, "which holds no tensor"),
        ("torch_raises", "paddle_one", 2, "the left fails: ValueError: no such head"),
        ("torch_one", "paddle_raises", 2, "the right fails: ValueError: no such head"),
        ("torch_one", "paddle_nothing", 2, "returned NoneType, which holds no tensor"),
        ("torch_raises_in_training", "paddle_one", 1, "user_models.py:51): the left fails"),
        ("torch_raises_in_training", "paddle_raises_in_training", 2, "--eval-only"),
        ("torch_one", "paddle_two", 1, "the left returns a bare tensor, the right 2 tensors (0, 1)"),
        ("torch_two", "paddle_inside", 1, "the left returns 2 tensors (0, 1), the right 1 tensor (0)"),
        ("torch_two", "paddle_dict", 1, "the right 2 tensors (a, b)"),
        ("torch_class", "paddle_dict", 1, "the left returns 1 tensor (logits)"),
        ("torch_one", "paddle_inside", 0, "that one tensor is compared"),
        ("torch_class", "paddle_one", 0, "that one tensor is compared"),
        ("torch_dict", "paddle_turned", 0, "2 of 2 agree"),
        ("torch_one", "torch_one", 0, "the same"),
        ("torch_half", "paddle_one", 0, "not compared: float16"),
    ],
)
def test_models_that_return_or_raise_other_things(left: str, right: str, status: int, says: str) -> None:
    result = compared(left, right)
    assert result.exit_code == status, result.output
    assert says in result.output
    assert (result.stderr == "") == bool(result.stdout)


@pytest.mark.parametrize(
    ("optimiser", "says"),
    [("no_optimiser", "has no step()"), ("torch_sgd", "on the right the optimiser raises TypeError")],
)
def test_what_makes_no_optimiser_loses_nothing_that_was_compared(optimiser: str, says: str) -> None:
    result = compared("torch_one", "paddle_one", "--optimiser", f"{MODELS}:{optimiser}")
    assert (result.exit_code, result.stderr) == (2, "")
    assert says in result.stdout
    assert "backward       ✓" in result.stdout


def test_nothing_but_the_report_is_printed_where_there_is_no_terminal() -> None:
    result = compared("torch_one", "paddle_one")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.startswith("_Torch (torch) against _Paddle (paddle), input [2, 4]: the same (1 layer paired")


def test_a_comparison_that_is_stopped_is_no_difference() -> None:
    result = compared("interrupted", "paddle_one")
    assert (result.exit_code, result.stderr) == (130, "nlblocks: stopped\n")


def test_inputs_by_name_and_in_order() -> None:
    tokens = (f"{MODELS}:TorchTokens", f"{MODELS}:PaddleTokens")
    for file in ("named.npz", "plain.npz"):
        result = call("compare", *tokens, "--input", file)
        assert result.exit_code == 0, result.output
    others = (tokens[0], f"{MODELS}:PaddleOtherNames")
    assert call("compare", *others, "--input", "plain.npz").exit_code == 0
    assert "has no 'mask', 'ids', 'scale'" in refused(call("compare", *others, "--input", "named.npz"))
    assert "of the left model has no 'weights'" in refused(call("compare", *tokens, "--input", "partly.npz"))


def test_the_json_report_is_json_and_says_where(tmp_path: Path) -> None:
    result = compared("torch_one", "paddle_two", "--report", "r.json")
    assert result.exit_code == 1

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert not report["same"]
    assert report["finding"]["cause"] == "output.structure"


def test_optimisers_by_name_and_by_function() -> None:
    for options in (
        ("--optimiser", "adamw:lr=0.01", "--steps", "4"),
        ("--optimiser", f"{MODELS}:torch_sgd", "--optimiser", f"{MODELS}:paddle_sgd"),
        ("--optimiser", "sgd:lr=0.1", "--optimiser", f"{MODELS}:paddle_sgd"),
    ):
        result = compared("torch_one", "paddle_one", *options)
        assert result.exit_code == 0, result.output
        assert "training       ✓" in result.output
    result = compared("torch_one", "paddle_one", "--optimiser", "sgd", "--optimiser", f"{MODELS}:paddle_sgd")
    assert result.exit_code == 1
    assert "learning rate: 0.01 on the left, 0.1 on the right; so the difference falls" in result.output


def test_a_target_is_marked_by_position_or_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", x=np.ones((2, 4)), target=np.arange(6.0).reshape(2, 3))
    given = {"shape": str(tmp_path / "given.npz")}
    assert compared("TorchLoss", "PaddleLoss", **given).exit_code == 1
    for name in ("target", "1"):
        result = compared("TorchLoss", "PaddleLoss", "--target", name, **given)
        assert result.exit_code == 0, result.output
        assert "not compared: the gradient of target: a target" in result.output
    assert "targets: 'label' is no input" in refused(compared("TorchLoss", "PaddleLoss", "--target", "label", **given))
