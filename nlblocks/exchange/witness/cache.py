"""What was found before, by all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.atomic import write_json

PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch", "paddlepaddle", "paddle2onnx")
CODE = ("nlblocks", "nlblocks_torch", "nlblocks_paddle", "nlblocks_reference")


class Cache:
    """A folder with a file for each result; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: object, make: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
        """A result that is JSON, and whether it is the one of before: if nothing that it depends on has changed."""
        if self._folder is None:
            return make(), False
        name = hashlib.sha256(json.dumps([key, _state_of_all()], sort_keys=True).encode()).hexdigest()
        file = self._folder / f"{name}.json"
        with suppress(OSError, ValueError):  # not there, or damaged: it is made anew
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found, True
        found = make()
        with suppress(OSError, InputError):  # a home that cannot be written to keeps nothing
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(file, found)
        return found, False


@cache
def _state_of_all() -> list[str]:
    """The versions of the packages, and a digest of the library's own code."""
    return [*(f"{name} {_version(name)}" for name in PACKAGES), *(f"{name} {_digest(name)}" for name in CODE)]


def _version(name: str) -> str:
    with suppress(PackageNotFoundError):
        return version(name)
    return ""


def _digest(name: str) -> str:
    found = find_spec(name)
    whole = hashlib.sha256()
    for folder in (found.submodule_search_locations or ()) if found else ():
        for file in sorted(Path(folder).rglob("*.py")):
            whole.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return whole.hexdigest()
