"""What cannot be ported for the user's own reasons: one line that says why, exit status 2, and nothing written."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")

from nlblocks.port import worker
from parity_tests.helpers.command_line import call

NET = """
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(x)


class Needy(Net):
    def __init__(self, width):
        super().__init__()


def table():
    return {}


def leave():
    raise SystemExit(0)


NUMBER = 3
"""
FILES = {
    "net.py": NET,
    "broken.py": "import paddle\n\n\ndef net(:\n    pass\n",
    "lazy.py": NET + "\n\ndef other():\n    import broken_lazy\n    return Net()\n",
    "round_a.py": "from round_b import Net\n",
    "round_b.py": "from round_a import Net\n",
    "lacking.py": "import no_such_package_anywhere\n",
    "gives.py": "def inputs():\n    raise ValueError('no data')\n",
    "raises.py": "raise RuntimeError('not today')\n",
}
INPUT = ("--input", "2,3")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """Sources; the stage that runs them does so in this process, which is left as it was."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    (tmp_path / "binary.py").write_bytes(b"\x80\x81\x00\xff")
    (tmp_path / "text.py").write_text("Dear reader,\n\nthis is a letter.\n")
    np.savez(tmp_path / "other.npz", weight=np.ones(3))
    np.savez(tmp_path / "cut.npz", x=np.ones((2, 3)))
    for ending in ("npz", "pdparams", "safetensors", "pth"):
        whole = b"PK\3\4 and" if ending == "npz" else b"\x80\x02}q\x00(X" if ending == "pdparams" else b"\x10\0\0\0"
        (tmp_path / f"cut.{ending}").write_bytes(whole)
    story = importlib.import_module("nlblocks.port.port")
    monkeypatch.setattr(story, "_worker", lambda stage, job: getattr(worker, stage)(job))
    path, modules, limit = list(sys.path), set(sys.modules), sys.getrecursionlimit()
    yield tmp_path
    sys.path[:] = path
    sys.setrecursionlimit(limit)
    for name in set(sys.modules) - modules:
        if name in {Path(file).stem for file in (*FILES, "binary.py", "text.py")}:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("entry", "options", "said"),
    [
        ("net", INPUT, "write MODULE:NAME"),
        ("net:Gone", INPUT, "net has no Gone"),
        ("gone:Net", INPUT, "cannot import gone: ModuleNotFoundError"),
        ("lacking:Net", INPUT, "no_such_package_anywhere"),
        ("broken:net", INPUT, "cannot import broken: SyntaxError: invalid syntax (broken.py, line 4)"),
        ("binary:net", INPUT, "cannot import binary: SyntaxError"),
        ("text:net", INPUT, "cannot import text: SyntaxError"),
        ("round_a:Net", INPUT, "cannot import round_a: ImportError"),
        ("raises:Net", INPUT, "cannot import raises: RuntimeError: not today"),
        ("net:Needy", INPUT, "'width'; give arguments with --kwargs"),
        ("net:Net", (*INPUT, "--kwargs", "depth=18"), "'depth'; give arguments with --kwargs"),
        ("net:Net", (*INPUT, "--kwargs", "depth=("), "is not what stands in a call's brackets"),
        ("net:NUMBER", INPUT, "net:NUMBER is a int"),
        ("net:table", INPUT, "net:table makes a dict, which is no layer"),
        ("net:leave", INPUT, "leave() raises SystemExit"),
        ("paddle.nn:Identity", INPUT, "paddle.nn lies under none of the --path folders"),
        ("net:Net", ("--input", "2,4"), "net:Net fails on its input in eval mode: "),
        ("net:Net", ("--input", "2,3", "--input", "2,3"), "net:Net fails on its input in eval mode: TypeError"),
        ("net:Net", ("--input", "2,x"), "must be a shape"),
        ("net:Net", ("--input", "gone.npz"), "--input gone.npz is no file"),
        ("net:Net", ("--input", "{folder}/cut.npz"), "cannot be read"),
        ("net:Net", ("--input", "gone:inputs"), "--input gone:inputs raises ModuleNotFoundError"),
        ("net:Net", ("--input", "gives:gone"), "--input gives:gone raises AttributeError"),
        ("net:Net", ("--input", "gives:inputs"), "--input gives:inputs raises ValueError: no data"),
        ("net:Net", (*INPUT, "--path", "{folder}/nowhere"), "is no folder"),
        ("net:Net", (*INPUT, "--setup", "gone.py"), "--setup gone.py is no file"),
        ("net:Net", (*INPUT, "--setup", "{folder}/raises.py"), "raises RuntimeError: not today"),
        ("net:Net", (*INPUT, "--weights", "gone.pdparams"), "--weights gone.pdparams is no file"),
        ("net:Net", (*INPUT, "--weights", "{folder}/other.npz"), "other.npz lacks fc.weight, fc.bias"),
        ("net:Net", (*INPUT, "--weights", "{folder}/cut.npz"), "cut.npz"),
        ("net:Net", (*INPUT, "--weights", "{folder}/cut.pdparams"), "cut.pdparams"),
        ("net:Net", (*INPUT, "--weights", "{folder}/cut.safetensors"), "cut.safetensors"),
        ("net:Net", (*INPUT, "--weights", "{folder}/cut.pth"), "cut.pth"),
        ("net:Net", (*INPUT, "--report", "{folder}/gone/r.html"), "gone"),
        ("net:Net", (*INPUT, "--report", "{folder}/r.txt"), "must end in .html or .json"),
    ],
)
def test_one_line(folder: Path, entry: str, options: tuple[str, ...], said: str) -> None:
    before = sorted(folder.rglob("*"))
    words = [word.format(folder=folder) for word in options]
    done = call("port", entry, folder / "out", "--path", folder, *words)
    assert done.exit_code == 2, done.output
    (line,) = done.output.splitlines()
    assert line.startswith("nlblocks: ")
    assert said in line
    assert [path for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts] == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_out_that_is_taken_is_left_alone(folder: Path, kind: str) -> None:
    out = folder / "out"
    if kind == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "kept.txt").write_text("mine")
    before = sorted(folder.rglob("*"))
    done = call("port", "net:Net", out, "--path", folder, *INPUT)
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert "is not empty" in line
    assert sorted(folder.rglob("*")) == before


def test_a_file_that_only_the_port_would_read_is_no_python(folder: Path) -> None:
    """A module that is named in what is kept, and was never imported."""
    (folder / "broken_lazy.py").write_text(FILES["broken.py"])
    done = call("port", "lazy:other", folder / "out", "--path", folder, "--kwargs", "", *INPUT)
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert "broken_lazy" in line
    assert not (folder / "out").exists()
