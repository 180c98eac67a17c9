"""What the folder of a run needs: JSON that is read with care, and a lock that ends with its process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import Spec

try:
    import fcntl
except ImportError:  # a system without it has no such locks: there, nothing keeps two processes apart
    fcntl = None  # type: ignore[assignment]


def make_folder(path: Path) -> None:
    """Make a folder, with those above it; one that is there stays. Raises InputError, in one line."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror}") from None


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises InputError, in one line, for what is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: must hold a JSON object, not a {type(data).__name__}")
    return data


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within, no other process trains in this folder. The lock goes with the process, however that ends."""
    path = folder / ".lock"
    try:
        file = path.open("wb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    with file:
        if fcntl is not None:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a process's own: no child of it keeps the lock
            except (BlockingIOError, PermissionError):
                raise InputError(f"{folder}: another process is training in this folder; wait for it") from None
        yield


def differences(there: Spec, here: Spec, prefix: str = "") -> list[str]:
    """The fields in which two specs of one class differ, as "optimiser.lr (0.001 there, 0.01 here)"."""
    found = []
    for field in fields(there):
        one, other = getattr(there, field.name), getattr(here, field.name)
        if one == other:
            continue
        name = f"{prefix}{field.name}"
        if isinstance(one, Spec) and type(one) is type(other):
            found += differences(one, other, f"{name}.")
        elif isinstance(one, tuple | Spec) or isinstance(other, tuple | Spec):
            found.append(name)
        else:
            found.append(f"{name} ({one} there, {other} here)")
    return found
