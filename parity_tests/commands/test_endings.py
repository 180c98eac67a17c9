"""How a command ends: one line and one status for each way, and 1 for nothing but what differs."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from safetensors.numpy import save_file

from nlblocks.cli import main
from nlblocks.commands import catalogue
from nlblocks.statuses import Status
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, environment, python
from parity_tests.helpers.command_line import call

INTERRUPT = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            {how}

def press():
    signal.raise_signal(signal.SIGINT)
    for _ in range(10**6):
        pass

sys.meta_path.insert(0, Finder())
"""
HIDDEN = "try:\n                press()\n            except BaseException:\n                {then}"
BINARY = """
            import ctypes
            run = ctypes.pythonapi.PyRun_StringFlags
            run.restype = ctypes.py_object
            run(b"press()", 257, *[ctypes.py_object(globals())] * 2, None)  # a program, run as binary modules do
"""
NETS = """
import signal, sys
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, 3)
    def forward(self, x):
        return self.head(x)

class Raises(Net):
    def forward(self, x):
        raise KeyError("no such head")

class Wrong(Net):
    def forward(self, x):
        return self.head(x.reshape(2, 7))

class Leaves(Net):
    def forward(self, x):
        sys.exit(1)

class Stops(Net):
    def forward(self, x):
        signal.raise_signal(signal.SIGINT)
        return self.head(x)

class Deep(Net):
    def forward(self, x):
        return self.forward(x)

class Made(Net):
    def __init__(self):
        super().__init__()
        {}["depth"]
"""


def shell(line: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which ``nlblocks`` is the command."""
    script = f'nlblocks() {{ "{sys.executable}" -m nlblocks "$@"; }}\n{line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=cwd, env=environment(**variables), capture_output=True, text=True, check=False
    )


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Require) -> str:
    """The name of a module of models, which a command run in this process can import."""
    require("torch")
    name = re.sub(r"\W", "_", tmp_path.name)
    (tmp_path / f"{name}.py").write_text(NETS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.skipif(os.name == "nt", reason="bash and /dev/full")
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("{ nlblocks list && sleep 0.2 && nlblocks list; } | head -1 > /dev/null; exit ${PIPESTATUS[0]}", 141, ""),
        ("{ sleep 0.2; nlblocks dialects; } | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("{ sleep 0.2; nlblocks --help; } | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("nlblocks list > /dev/full", 74, "nlblocks: the output cannot be written: No space left on device"),
        ("nlblocks dialects > /dev/full", 74, "nlblocks: the output cannot be written: No space left on device"),
        ("nlblocks --help > /dev/full", 74, "nlblocks: the output cannot be written: No space left on device"),
        ("nlblocks list >&-", 0, ""),
        ("nlblocks list <&- > /dev/null", 0, ""),
        ("nlblocks nonsense 2> /dev/full", 2, ""),
        ("nlblocks nonsense 2>&-", 2, ""),
        ("nlblocks list >&- 2>&- <&-", 0, ""),
        ("mkdir gone && cd gone && rmdir ../gone && nlblocks list > /dev/null", 0, ""),
        ("unset HOME; nlblocks list > /dev/null", 0, ""),
        ("nlblocks inspect $'\\xff\\xfe.pth'", 2, r"nlblocks: \udcff\udcfe.pth: cannot be read"),
        ("ulimit -f 1; nlblocks convert big.safetensors x.pth --from torch", 74, "nlblocks: x.pth: cannot be written"),
        ("ulimit -f 1; nlblocks show non_local > out.txt", 74, "nlblocks: the output cannot be written: File too"),
        ("export PYTHONUNBUFFERED=1; { sleep 0.2; nlblocks dialects; } | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("PYTHONUNBUFFERED=1 nlblocks list > /dev/full", 74, "nlblocks: the output cannot be written: No space"),
    ],
)
def test_what_is_closed_or_full_is_no_difference(line: str, status: int, said: str, tmp_path: Path) -> None:
    save_file({"w": np.ones(900, np.float32)}, tmp_path / "big.safetensors")
    found = shell(line, tmp_path, PYTHONUNBUFFERED="")
    assert found.returncode == status, found.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"big.safetensors", "out.txt"}
    assert "Traceback" not in found.stderr
    assert "Exception ignored" not in found.stderr
    assert len(found.stderr.splitlines()) == bool(said), found.stderr
    assert said in found.stderr


@pytest.mark.parametrize(
    ("module", "how"),
    [
        ("nlblocks.cli", "press()"),
        ("click", "press()"),
        ("rich.console", "press()"),
        ("nlblocks.commands.catalogue", "press()"),
        ("numpy", "press()"),
        ("numpy", HIDDEN.format(then="raise ImportError('a binary module makes this of it') from None")),
        ("click", HIDDEN.format(then="raise ImportError('a binary module makes this of it') from None")),
        ("numpy", HIDDEN.format(then="return None")),
        ("numpy", BINARY),
        ("click", BINARY),
    ],
)
def test_ctrl_c_while_something_is_imported(module: str, how: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(INTERRUPT.format(module=module, how=how), encoding="utf-8")
    paths = os.pathsep.join([str(planted), environment()["PYTHONPATH"]])
    found = python("-m", "nlblocks", "list", PYTHONPATH=paths)
    assert found.returncode == Status.STOPPED, found.stderr
    assert found.stderr == "nlblocks: stopped\n"


def test_ctrl_c_that_is_swallowed_again_and_again_ends_it_all_the_same(tmp_path: Path) -> None:
    how = "while True:\n                try:\n                    press()\n                except BaseException: pass"
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT.format(module="numpy", how=how), encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    found = python("-m", "nlblocks", "list", PYTHONPATH=paths, timeout=20)
    assert (found.returncode, found.stderr) == (Status.STOPPED, "nlblocks: stopped\n")


def test_ctrl_c_in_a_destructor_is_not_lost(tmp_path: Path) -> None:
    how = "type('D', (), {'__del__': lambda self: press()})()"
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT.format(module="numpy", how=how), encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    found = python("-m", "nlblocks", "list", PYTHONPATH=paths)
    assert (found.returncode, found.stderr) == (Status.STOPPED, "nlblocks: stopped\n")


def test_ctrl_c_in_a_models_forward(nets: str, tmp_path: Path) -> None:
    result = call("compare", f"{nets}:Net", f"{nets}:Stops", "--input", "2,4", "--report", "report.html")
    assert (result.exit_code, result.stderr) == (Status.STOPPED, "nlblocks: stopped\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".html"] == []


def test_ctrl_c_where_it_is_to_be_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from nlblocks import interrupts; interrupts.listen(); print(signal.getsignal(signal.SIGINT).name)"
    )
    assert python("-c", code).stdout == "SIG_IGN\n"


@pytest.mark.parametrize(
    ("model", "place", "what"),
    [
        ("Raises", 14, "KeyError: 'no such head'"),
        ("Wrong", 18, "RuntimeError: shape '[2, 7]'"),
        ("Deep", 31, "Recursion"),
    ],
)
def test_an_error_in_the_users_forward_says_where(nets: str, model: str, place: int, what: str) -> None:
    for words in (["capture", "--out", "x.safetensors"], ["compare", f"{nets}:{model}"]):
        result = call(words[0], f"{nets}:{model}", *words[1:], "--input", "2,4")
        assert result.exit_code == Status.REFUSED, result.output
        assert what in result.stderr
        assert f"{nets}.py:{place}" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_an_error_in_what_makes_a_model_says_where(nets: str) -> None:
    result = call("compare", f"{nets}:Net", f"{nets}:Made", "--input", "2,4")
    assert result.exit_code == Status.REFUSED
    assert f"{nets}:Made() raises KeyError: 'depth' ({nets}.py:36)" in result.stderr


def test_a_model_that_ends_the_program_is_no_difference(nets: str) -> None:
    result = call("compare", f"{nets}:Net", f"{nets}:Leaves", "--input", "2,4")
    assert result.exit_code == Status.REFUSED
    told = f"nlblocks: a program that is not nlblocks' own raises SystemExit: 1 ({nets}.py:22); mend it there\n"
    assert result.stderr == told


def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException) -> Any:
    """``nlblocks show``, in which an error of the library's own is planted."""

    scope = {"__name__": "nlblocks.planted", "error": error}
    exec(compile("def entry(*words):\n    raise error", "planted.py", "exec"), scope)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(catalogue, "entry", scope["entry"])
    return call("show", "non_local")


@pytest.mark.parametrize("error", [KeyError("dims"), RecursionError("too deep"), ValueError("a\nb"), AssertionError()])
def test_an_error_of_the_library_itself_is_a_line_and_a_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["nlblocks", "show", "non_local"])
    result = planted(monkeypatch, tmp_path, error)
    assert result.exit_code == Status.INTERNAL
    (report,) = tmp_path.iterdir()
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"nlblocks: internal error: {type(error).__name__}")
    assert line.endswith(f"please report it with the file {report}")
    text = report.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert "command: 'nlblocks' 'show' 'non_local'" in text
    assert re.search(r"^numpy: \d", text, re.MULTILINE)
    assert type(error).__name__ in text.splitlines()[-1] + text.splitlines()[-2]


def test_a_report_that_cannot_be_written_leaves_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted(monkeypatch, tmp_path / "gone", KeyError("dims"))
    assert result.exit_code == Status.INTERNAL
    assert re.search(r"raised in planted.py:2; its report cannot be written \(No such file", result.stderr)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MemoryError("Unable to allocate 8 GiB"), Status.MEMORY, "out of memory: MemoryError: Unable to allocate"),
        (RuntimeError("[enforce fail]\nDefaultCPUAllocator: can't allocate memory"), Status.MEMORY, "out of memory: "),
        (OSError(errno.ENAMETOOLONG, "File name too long", "xxx"), Status.REFUSED, "xxx: File name too long; give"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), Status.REFUSED, "a/b: Permission denied; give"),
        (OSError(errno.EIO, "the terminal is gone"), Status.UNWRITTEN, "the output cannot be written: the terminal"),
        (OSError(errno.ENOSPC, "No space left", "a.html"), Status.UNWRITTEN, "a.html cannot be written: No space left"),
        (OSError(errno.EDQUOT, "Quota"), Status.UNWRITTEN, "the output cannot be written: Quota"),
        (click.Abort(), Status.STOPPED, "stopped"),
        (KeyboardInterrupt(), Status.STOPPED, "stopped"),
    ],
)
def test_what_the_system_refuses_is_a_line(
    error: BaseException, status: Status, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = planted(monkeypatch, tmp_path, error)
    assert result.exit_code == status
    assert result.stderr.startswith(f"nlblocks: {said}")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_help_says_every_status() -> None:
    told = call("--help").output.partition("Exit status:")[2]
    assert [int(number) for number in re.findall(r"^  (\d+)  ", told, re.MULTILINE)] == [int(s) for s in Status]


def test_no_other_place_ends_the_program() -> None:
    found = [
        f"{path.name}:{number}"
        for path in (ROOT / "nlblocks").rglob("*.py")
        if path.name != "stubs.py"  # a program of its own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\bsys\.exit\(|\bos\._exit\(|raise SystemExit", line)
    ]
    assert {place.partition(":")[0] for place in found} == {"endings.py", "interrupts.py"}
    assert main.commands == {}


def test_the_page_says_every_status() -> None:
    page = (ROOT / "docs" / "reference" / "exit.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [int(s) for s in Status]
