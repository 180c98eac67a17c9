"""The line of the user's code that a call comes from: ``net.py:31``."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

INSTALLED = f"{os.sep}site-packages{os.sep}"
"""The folder of packages, whose models are a user's too: of these the path from here on is told."""


def calling_line(packages: tuple[str, ...], model: CodeType) -> str:
    """The file and line of the innermost frame that is in none of these packages, which are imported.

    "" where there is none within the function that calls the ``model``.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not model:
        name = _file(frame.f_code.co_filename, packages)
        if name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@cache
def _file(name: str, packages: tuple[str, ...]) -> str:
    """What a file is called; "" for one that no user wrote, or that is none."""
    if name.startswith(("<", *_folders(packages))):
        return ""
    _, found, inside = name.rpartition(INSTALLED)
    if found:
        return inside
    if name.startswith(sysconfig.get_path("stdlib")):
        return ""
    here = os.path.relpath(name)
    return os.path.basename(name) if here.startswith("..") else here


@cache
def _folders(packages: tuple[str, ...]) -> tuple[str, ...]:
    files = [sys.modules[name].__file__ for name in packages]
    return tuple(f"{Path(file).parent}{os.sep}" for file in files if file)
