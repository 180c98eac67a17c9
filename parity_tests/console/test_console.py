"""The command line on any console: what it loads, and what it prints where little can be printed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save_file

from nlblocks import console
from nlblocks.cli import COMMANDS, main
from nlblocks.console.streams import spelled
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, python

ENCODINGS = ("gbk", "cp1252", "ascii", "cp437", "shift_jis", "latin-1", "utf-8")
NETS = """
import torch

class Left(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, 3)
    def forward(self, x):
        return torch.tanh(self.head(x))

class Right(Left):
    def forward(self, x):
        return torch.sigmoid(self.head(x))
"""


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_help_loads_no_command(words: str) -> None:
    found = python("-X", "importtime", "-m", "nlblocks", words)
    assert found.returncode == 0, found.stderr
    loaded = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in loaded
    assert not {name for name in loaded if name.startswith(("nlblocks.commands", "nlblocks.parity"))}
    assert not loaded & {"numpy", "rich", "safetensors", "torch", "paddle"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_names_a_command_and_its_help_fits_a_line(name: str) -> None:
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert len(f"  {'dialects'}  {COMMANDS[name].help}") <= 78  # what click leaves of 80 columns


def printed(encoding: str, *words: object) -> tuple[Result, str]:
    """What a command comes to on a console of an encoding; the text is decoded without mercy."""
    result = CliRunner(charset=encoding).invoke(main, [str(word) for word in words])
    return result, result.output_bytes.decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "words", ["list", "show non_local", "dialects", "train --list", "causes", *(f"{name} --help" for name in COMMANDS)]
)
def test_a_command_prints_in_any_encoding(words: str, encoding: str) -> None:
    if words == "bench --help":
        pytest.importorskip("matplotlib")
    result, text = printed(encoding, *words.split())
    assert result.exit_code == 0, text
    assert len(text) > 40
    if words == "show non_local":
        assert ("Σ_j" in text) == (encoding in ("gbk", "shift_jis", "utf-8", "cp437"))
        assert ("Sigma_j" in text) == (encoding in ("cp1252", "ascii", "latin-1"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_comparison_prints_in_any_encoding(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Require
) -> None:
    require("torch")
    name = f"nets_{encoding.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(NETS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    words = ("--input", "2,4", "--eval-only", "--report", "report.html")
    same, text = printed(encoding, "compare", f"{name}:Left", f"{name}:Left", *words)
    assert (same.exit_code, ": the same (" in text) == (0, True), text
    different, text = printed(encoding, "compare", f"{name}:Left", f"{name}:Right", *words)
    assert (different.exit_code, ": DIFFERENT" in text) == (1, True), text
    assert "  ✗ " in text or "  x " in text
    assert "✗" in (tmp_path / "report.html").read_text(encoding="utf-8") or encoding != "utf-8"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_verify_prints_in_any_encoding(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Require
) -> None:
    require("torch")
    monkeypatch.chdir(tmp_path)
    words = "verify --kind squeeze_excitation --in-channels 8 --backends torch,reference --json found.json"
    result, text = printed(encoding, *words.split())
    assert result.exit_code == 0, text
    assert "identical" in text
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["agree"] is True


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_in_a_checkpoint_print_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    source, written = tmp_path / "net.safetensors", tmp_path / "net.pdparams"
    save_file({"模型.θ": np.zeros((2, 3), np.float32), "é.ß": np.ones(4, np.float32)}, source)
    result, text = printed(encoding, "inspect", source)
    assert result.exit_code == 0, text
    assert "模型" in text or r"\u6a21\u578b" in text
    for more in (["--dry-run"], []):
        result, text = printed(encoding, "convert", source, written, "--from", "torch", "--as", "模型.*=linear", *more)
        assert result.exit_code == 0, text
        assert "θ" in text or "theta" in text or not more, text


def test_a_symbol_has_one_spelling_whoever_prints_it() -> None:
    assert spelled("θ(x_i)·φ → 3×3 ✓ … x² Ω") == "theta(x_i)*phi -> 3x3 v ... x2 Omega"
    assert spelled("│ ━ ⠋ é 模 \udcff") == r"| - . e \u6a21 \xff"
    assert spelled("plain") == "plain"


def test_every_symbol_of_the_product_has_a_spelling() -> None:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "nlblocks").rglob("*.py"))
    letters = {letter for text in texts for letter in text if not letter.isascii() and letter.isprintable()}
    assert len(letters) > 30
    assert not {letter for letter in letters if "\\" in spelled(letter)}


def test_a_stream_that_is_not_pythons_own_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    console.prepare()
    print("✓")
    assert mine.getvalue() == "✓\n"


@pytest.mark.parametrize("words", ["list", "show dual_attention", "dialects", "--help", "compare --help"])
@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "20"), ("COLUMNS", "1"), ("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_poor_terminal_is_enough(words: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 0, result.output


def test_the_environment_may_be_as_poor_as_it_gets(tmp_path: Path) -> None:
    variables: dict[str, Any] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TERM": "dumb"}
    found = python("-m", "nlblocks", "show", "non_local", cwd=tmp_path, **variables)
    assert found.returncode == 0, found.stderr
    assert "Sigma_j a_ij g_j" in found.stdout
    assert found.stdout.isascii()
