"""Where the checkout's files are, and fresh interpreters that import its packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT.parent / "shared" / "published" / "nonlocal_mnist"  # another project's data, where it is at hand


def environment(**more: str) -> dict[str, str]:
    """This process's variables without its choice of a backend, with the checkout's packages to be imported."""
    kept = {name: value for name, value in os.environ.items() if name != "NLBLOCKS_BACKEND"}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])} | more


def python(
    *arguments: object, cwd: Path = ROOT, given: str | None = None, timeout: float | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, with ``given`` to read and ``variables`` in its environment."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, input=given, timeout=timeout, env=environment(**variables),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
