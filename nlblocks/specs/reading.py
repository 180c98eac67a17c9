"""Specs and their values out of JSON text, which people write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from nlblocks.errors import InputError
from nlblocks.specs.base import Spec, spec_from_dict

T = TypeVar("T", bound=Spec)


def spec_in_file(path: Path, of: type[T]) -> T:
    """The spec of a class in a JSON file."""
    try:
        data = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not text, not JSON, an absurd number
        raise InputError(f"{path} is not a spec in JSON: {getattr(error, 'strerror', None) or error}") from None
    try:
        return spec_from_dict(data, of)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def from_json(text: str) -> Any:
    """What JSON text says. Raises ValueError for what is no JSON, and where a field is given twice."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused where it gives a field twice: json would keep the last without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:i]])
        raise InputError(f"{twice!r} is given twice; give it once")
    return found
