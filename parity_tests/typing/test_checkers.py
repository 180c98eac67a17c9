"""mypy and pyright read a user's program as the library means it: nothing of right calls, an error for every wrong one.

Each in a fresh environment: what an editable install leaves, paths to the checkout, and what a wheel does, copies.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, environment

PROGRAMS = Path(__file__).parent / "programs"
PACKAGES = ("nlblocks", "backends/nlblocks_torch", "backends/nlblocks_paddle", "backends/nlblocks_reference")
Told = dict[str, dict[int, list[str]]]
"""Errors by program and line."""


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _environment(tmp_path_factory.mktemp("editable"), [ROOT, ROOT / "backends"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "packages" / Path(package).name, ignore=_unshipped)
    return _environment(folder, [folder / "packages"])


def _unshipped(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def _environment(folder: Path, paths: list[Path]) -> Path:
    """A Python whose site-packages lead to these paths, and after them to all that is installed here."""
    venv.create(folder / "env", with_pip=False, symlinks=sys.platform != "win32")
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    lines = [*paths, sysconfig.get_path("purelib")]
    (Path(site) / "paths.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return python


def mypy(python: Path) -> Told:
    """mypy's errors. Its cache is kept beside that of ``make lint``: without one it reads the whole of torch."""
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--config-file", ""]
    command += ["--cache-dir", ROOT / ".mypy_cache" / "user", *PROGRAMS.glob("*.py")]
    done = _run(command, python)
    found = re.findall(r"^(?:.*[/\\])?(\w+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return _by_line((name, int(line), text) for name, line, text in found)


def pyright(python: Path) -> Told:
    """Pyright's errors, as an editor shows them: it reads the programs in a project of their own."""
    project = python.parents[2] / "user"
    shutil.copytree(PROGRAMS, project, ignore=_unshipped, dirs_exist_ok=True)
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}', encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--project", project, "--pythonpath", python, "--outputjson"]
    done = _run(command, python)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["summary"]["filesAnalyzed"] == len(list(PROGRAMS.glob("*.py"))), done.stdout + done.stderr
    return _by_line(
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1, item["message"])
        for item in told["generalDiagnostics"]
        if item["severity"] == "error"
    )


def _run(command: list[object], python: Path) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in environment().items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(
        list(map(str, command)), cwd=python.parents[2], env=variables, capture_output=True, text=True, check=False
    )


def _by_line(found: Iterable[tuple[str, int, str]]) -> Told:
    told: Told = {}
    for name, line, text in found:
        told.setdefault(name, {}).setdefault(line, []).append(text)
    return told


def wrong_calls() -> list[int]:
    """The lines of wrong.py that are a call alone."""
    tree = ast.parse((PROGRAMS / "wrong.py").read_text(encoding="utf-8"))
    return [node.lineno for node in tree.body[1:] if isinstance(node, ast.Expr)]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_right_calls_are_no_error_and_every_wrong_one_is(
    checker: Callable[[Path], Told], editable: Path, require: Require
) -> None:
    require("torch", "paddle")
    told = checker(editable)
    assert "right.py" not in told, told["right.py"]
    assert sorted(told["wrong.py"]) == wrong_calls(), told["wrong.py"]


def test_a_wheels_copies_are_read_as_the_checkout_is(wheel: Path, require: Require) -> None:
    require("torch", "paddle")
    told = pyright(wheel)
    assert "right.py" not in told, told["right.py"]
    assert sorted(told["wrong.py"]) == wrong_calls(), told["wrong.py"]


def test_a_stub_that_says_too_little_lets_a_wrong_call_pass(wheel: Path, require: Require) -> None:
    require("torch", "paddle")
    stub = wheel.parents[2] / "packages" / "nlblocks_torch" / "__init__.pyi"
    text = stub.read_text(encoding="utf-8")
    stub.write_text(text.replace("in_channels: int", "in_channels: object"), encoding="utf-8")
    assert len(pyright(wheel)["wrong.py"]) == len(wrong_calls()) - 1
