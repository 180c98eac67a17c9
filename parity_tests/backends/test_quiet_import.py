"""Paddle's import says nothing to the user, whoever imports it; an import that fails says all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import environment, python

LOUD = """
import os, sys, warnings
warnings.warn("No compiler cache found")
warnings.warn("an old interface", DeprecationWarning, stacklevel=2)
print("WARNING: threads", file=sys.stderr)
assert os.environ["GLOG_minloglevel"] == "2"
assert type(__loader__).__name__ == "SourceFileLoader"
"""


def run(code: str, folder: Path, **variables: str) -> tuple[int, str]:
    """A program that finds what is in a folder before what is installed."""
    paths = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    found = python("-W", "always", "-c", code, cwd=folder, PYTHONPATH=paths, **variables)
    return found.returncode, found.stderr


def planted(folder: Path, text: str) -> None:
    (folder / "paddle").mkdir()
    (folder / "paddle" / "__init__.py").write_text(text, encoding="utf-8")


def test_a_loud_import_is_quiet(tmp_path: Path) -> None:
    planted(tmp_path, LOUD)
    code = (
        "import nlblocks; nlblocks.installed(); import nlblocks_paddle, paddle, os; assert 'GLOG_minloglevel' not in "
    )
    assert run(f"{code} os.environ", tmp_path) == (0, "")
    assert "No compiler cache found" in run("import paddle", tmp_path, GLOG_minloglevel="2")[1]


def test_what_is_warned_of_later_is_heard(tmp_path: Path) -> None:
    planted(tmp_path, LOUD + "def later(): warnings.warn('mind this')\n")
    status, heard = run("import nlblocks_paddle, paddle; paddle.later()", tmp_path)
    assert status == 0
    assert "mind this" in heard
    assert "compiler" not in heard


def test_an_import_that_fails_says_all(tmp_path: Path) -> None:
    planted(tmp_path, LOUD + "raise ImportError('libgomp.so.1 is missing')\n")
    status, heard = run("import nlblocks_paddle, paddle", tmp_path)
    assert status == 1
    assert "WARNING: threads" in heard
    assert heard.endswith("ImportError: libgomp.so.1 is missing\n")


@pytest.mark.parametrize(
    "code",
    [
        "import nlblocks; nlblocks.build(nlblocks.specs.NonLocal(in_channels=4), backend='paddle')",
        "from nlblocks.cli import main; main(['capture', 'net:Net', '--input', '2,4', '--out', 'x.safetensors'])",
    ],
)
def test_the_real_one_is_quiet(code: str, tmp_path: Path, require: Require) -> None:
    require("paddle")
    net = "import paddle\nclass Net(paddle.nn.Linear):\n    def __init__(self): super().__init__(4, 3)\n"
    (tmp_path / "net.py").write_text(net, encoding="utf-8")
    assert run(code, tmp_path, OMP_NUM_THREADS="2") == (0, "")
