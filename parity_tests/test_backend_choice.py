"""How a backend is chosen: by import, by use(), by NLBLOCKS_BACKEND. Each case is a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import nlblocks
from nlblocks import backend
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import python


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-W", "ignore", "-c", code, **environment)


def frameworks_loaded_by(code: str) -> str:
    found = run(f"{code}; import sys; print(sorted({{'torch', 'paddle'}} & set(sys.modules)))")
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_the_core_imports_no_framework() -> None:
    assert frameworks_loaded_by("import nlblocks, nlblocks.cli, nlblocks.specs.catalogue") == "[]"
    assert frameworks_loaded_by("import nlblocks, nlblocks_reference; nlblocks.verify") == "[]"


def test_the_test_above_can_fail(require: Require) -> None:
    require("torch")
    assert frameworks_loaded_by("import nlblocks; import torch") == "['torch']"
    assert frameworks_loaded_by("import nlblocks_torch; nlblocks_torch.backend") == "['torch']"


@pytest.mark.parametrize("backend", ["torch", "paddle", "reference"])
def test_use_and_the_variable_choose_the_same(backend: str, require: Require) -> None:
    require(backend)
    show = "b = nlblocks.NonLocal(in_channels=4); print(type(b).__module__.split('.')[0])"
    expected = f"nlblocks_{backend}"
    assert run(f"import nlblocks; nlblocks.use({backend!r}); {show}").stdout.strip() == expected
    built = "b = nlblocks.build(nlblocks.specs.NonLocal(in_channels=4), dtype='float64'); print(type(b).__module__)"
    lines = run(f"import nlblocks; {built}; {show}", NLBLOCKS_BACKEND=backend).stdout.splitlines()
    assert [line.split(".")[0] for line in lines] == [expected] * 2


def test_children_inherit_the_choice() -> None:
    code = (
        "import subprocess, sys, nlblocks; nlblocks.use('reference'); "
        "print(subprocess.run([sys.executable, '-c', 'import nlblocks; print(type(nlblocks.DigitNet()))'], "
        "capture_output=True, text=True).stdout)"
    )
    assert "nlblocks_reference" in run(code).stdout


@pytest.mark.parametrize(
    ("code", "environment", "message"),
    [
        (
            "nlblocks.NonLocal(in_channels=4)",
            {},
            "no backend is chosen; call nlblocks.use(...) or set NLBLOCKS_BACKEND",
        ),
        ("nlblocks.NonLocal(in_channels=4)", {"NLBLOCKS_BACKEND": "jax"}, "NLBLOCKS_BACKEND='jax' is unknown"),
        ("nlblocks.use('jax')", {}, "backend 'jax' is unknown; it must be one of 'torch', 'paddle', 'reference'"),
        (
            "nlblocks.use('reference'); nlblocks.NonLocal(in_channels=4); nlblocks.use('torch')",
            {},
            "the backend is 'reference' and has been used; call use('torch') before the first block",
        ),
        ("nlblocks.NoLocal", {}, "has no attribute 'NoLocal'"),
    ],
)
def test_a_wrong_choice_is_one_clear_line(code: str, environment: dict[str, str], message: str) -> None:
    found = run(f"import nlblocks; {code}", **environment)
    assert found.returncode != 0
    assert message in found.stderr.splitlines()[-1]


def test_a_missing_framework_names_the_command_that_installs_it() -> None:
    hide = (
        "import importlib.util as u, nlblocks; real = u.find_spec; "
        "u.find_spec = lambda name, *rest: None if name == 'paddle' else real(name, *rest); "
    )
    for call in ("nlblocks.use('paddle')", "nlblocks.build(nlblocks.specs.DigitNet(), backend='paddle')"):
        last = run(hide + call).stderr.splitlines()[-1]
        assert "needs paddle, which is not installed" in last
        assert 'pip install "nlblocks[paddle]"' in last


WITHOUT = """
import sys
from importlib.machinery import PathFinder
real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == {!r} else real(name, *rest)
sys.path[:0] = [{!r}]
"""


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_an_import_that_misses_a_framework_names_it_too(framework: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(f"import {framework}.nn as nn\n")
    block = f"import nlblocks_{framework} as nl; nl.NonLocal(in_channels=4)"
    for call in (block, "from nlblocks.commands.models import load_object; load_object('net:Net', 'model')"):
        found = run(WITHOUT.format(framework, str(tmp_path)) + call)
        assert found.returncode != 0
        assert f'; install it with: pip install "nlblocks[{framework}]"' in found.stderr.splitlines()[-1]


def test_use_may_be_repeated_and_changed_before_first_use() -> None:
    found = run(
        "import nlblocks; nlblocks.use('torch'); nlblocks.use('reference'); nlblocks.NonLocal(in_channels=4); "
        "nlblocks.use('reference'); print('ok')"
    )
    assert found.stdout.strip() == "ok", found.stderr


def test_a_third_partys_backend_is_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlblocks_reference.backend import ReferenceBackend

    class Other(ReferenceBackend):
        name = "other"

    package = types.ModuleType("other_backend")
    package.backend = Other()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_backend", package)
    found = [EntryPoint("other", "other_backend", "nlblocks.backends")]
    monkeypatch.setattr(backend, "entry_points", lambda group: found if group == "nlblocks.backends" else [])
    backend.rows.cache_clear()
    try:
        assert "other" in nlblocks.installed()
        report = nlblocks.verify(nlblocks.specs.NonLocal(in_channels=4), backends=("reference", "other"))
        assert report
        assert report.backends == ("reference", "other")
    finally:
        monkeypatch.undo()
        backend.rows.cache_clear()
    assert "other" not in nlblocks.installed()


def test_the_lab_is_loaded_where_it_is_wanted() -> None:
    loaded = "import sys; print(sorted(name for name in sys.modules if name.startswith('nlblocks.parity')))"
    assert run(f"import nlblocks.cli; {loaded}").stdout.strip() == "[]"
    found = run("import nlblocks; print(nlblocks.parity.compare.__name__, nlblocks.parity.__name__)")
    assert found.stdout.split() == ["compare", "nlblocks.parity"], found.stderr


def test_importing_nlblocks_imports_nothing_else_of_it_and_no_numpy() -> None:
    loaded = run("import nlblocks, sys; print(*sys.modules)").stdout.split()
    assert [name for name in loaded if name.split(".")[0] in ("nlblocks", "numpy", "click")] == ["nlblocks"]


def test_every_public_name_and_module_is_found_at_its_first_use() -> None:
    names = [*nlblocks.__all__, "parity", "testing", "blocks"]
    found = run(f"import nlblocks; print(*(getattr(nlblocks, n).__name__.rpartition('.')[2] for n in {names}))")
    assert found.stdout.split() == names, found.stderr
    found = run("from nlblocks import *; from nlblocks import parity, testing; print(verify.__name__, parity.__name__)")
    assert found.stdout.split() == ["verify", "nlblocks.parity"], found.stderr


def test_dir_names_the_blocks_once_a_backend_is_named() -> None:
    show = "import nlblocks; print('verify' in dir(nlblocks), 'NonLocal' in dir(nlblocks))"
    assert run(show).stdout.split() == ["True", "False"]
    assert run(show, NLBLOCKS_BACKEND="reference").stdout.split() == ["True", "True"]
    assert run(show, NLBLOCKS_BACKEND="jax").stdout.split() == ["True", "False"]
