"""Whose code raised an error, the library's, the user's or what is installed, and how it is said."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from types import TracebackType

HERE = str(Path(__file__).parent) + os.sep


def place_in_user_code(error: BaseException) -> str:
    """Where the user's own code raised an error, or called what did: ``file.py:12``; "" where it went through none.

    The user's is what is neither the library's, nor installed, nor Python's.
    """
    found = [(file, line) for file, line, whose in _frames(error.__traceback__) if whose == "user"]
    return f"{_short(found[-1][0])}:{found[-1][1]}" if found else ""


def said(error: BaseException) -> str:
    """An error in one line, with its place in the user's code."""
    text, place = " ".join(str(error).split())[:300], place_in_user_code(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}{f' ({place})' if place else ''}"


def raised_in_user_code(error: BaseException) -> bool:
    """Whether no code of the library ran after the user's, which would be the one to blame."""
    whose = [frame[2] for frame in _frames(error.__traceback__) if frame[2] != "installed"]
    return whose[-1:] == ["user"]


def _frames(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """File, line and owner of each call that an error went through, the outermost first."""
    installed = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"))
    found = []
    while traceback is not None:
        file, module = traceback.tb_frame.f_code.co_filename, str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.startswith("nlblocks") or file.startswith(HERE):
            whose = "own"
        else:
            whose = "installed" if file.startswith(("<", *installed)) else "user"
        found.append((file, traceback.tb_lineno, whose))
        traceback = traceback.tb_next
    return found


def _short(file: str) -> str:
    """A file's path, from the current folder where it lies below it."""
    try:
        return os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
    except OSError:  # the current folder is gone
        return file
