"""Files that appear whole or not at all; and whether they can appear, asked before the work."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from nlblocks.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes ``path`` at the end, by one rename; after an error ``path`` is as it was.

    A process that is killed leaves ``path`` as it was, and a hidden ``.partial`` file beside it.
    """
    temporary = _hidden(path)
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {_obstacle(path) or error.strerror}") from None
    try:
        with file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {_obstacle(path) or error.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def check_file(path: Path, *endings: str) -> None:
    """Raise InputError for a file that could not be written, or whose name ends in none of some endings."""
    if endings and path.suffix.lower() not in endings:
        raise InputError(f"{path} must end in {' or '.join(endings)}")
    obstacle = _obstacle(path) or _shut(path.parent)
    if obstacle:
        raise InputError(f"{path}: cannot be written: {obstacle}")


def check_folder(path: Path) -> None:
    """Raise InputError for a folder that could not be made, with those above it, or written to.

    What a file that has its name may be, and what may be in it, is for those to say who write there.
    """
    try:
        nearest = _nearest(path.parent if path.is_file() else path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    if not nearest.is_dir():
        raise InputError(f"{path}: cannot be written: {nearest} is a file; give a folder")
    obstacle = _shut(nearest)
    if obstacle:
        raise InputError(f"{path}: cannot be written: {obstacle}")


def same_file(first: Path, second: Path) -> bool:
    """Whether two names are of one file: by another path or a link, or in letters of another case."""
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them is not there
        return False


def _obstacle(path: Path) -> str:
    """What is in the way of a file, as its folders and what has its name show; "" where nothing does."""
    try:
        if path.is_dir():
            return "it is a folder; give a file"
        if path.exists() and not path.is_file():
            return "it is a device or a pipe; give a file"
        if path.exists() and not os.access(path, os.W_OK):
            return "it may not be changed; give another file"
        nearest = _nearest(path.parent)
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        return error.strerror or str(error)
    if not nearest.is_dir():
        return f"{nearest} is a file; give a folder"
    return "" if path.parent.is_dir() else f"there is no folder {path.parent}; make it first"


def _nearest(folder: Path) -> Path:
    """A folder, or the nearest above it that is there."""
    return next((found for found in (folder, *folder.parents) if found.exists()), folder)


def _shut(folder: Path) -> str:
    """Why nothing can be written in a folder; "" where it can: a file is put there, and taken away."""
    trial = _hidden(folder / "trial")
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        return f"nothing can be written in {folder}: {error.strerror}"
    return ""


def _hidden(path: Path) -> Path:
    """Where a file is until it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON, whole or not at all; NaN and infinity, which JSON does not have, become null."""
    with replacing(path) as file:
        file.write(json.dumps(_finite(data), indent=1, allow_nan=False).encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
