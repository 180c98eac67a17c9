"""Two ways to compute the same block, and how one is forced.

"direct" is the formula as the papers write it: it builds the attention map. "fast" is the same function by algebra,
without the map. Each backend decides in its own ``paths.py`` which one runs; a path that is forced here, or by
NLBLOCKS_PATH, goes before that choice. A call that asks for the map takes the direct path: the fast one has none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from nlblocks.errors import BackendError, known

Path = Literal["direct", "fast"]
PATHS: tuple[Path, ...] = get_args(Path)
VARIABLE = "NLBLOCKS_PATH"

_forced: str = os.environ.get(VARIABLE, "")


@contextmanager
def force(path: Path) -> Iterator[None]:
    """Make every block take one path while the context is open, in all threads."""
    global _forced
    if path not in PATHS:
        raise BackendError(f"force: path={path!r} must be one of {known(PATHS)}")
    before, _forced = _forced, path
    try:
        yield
    finally:
        _forced = before


def forced() -> Path | None:
    """The path that is forced, or None where the backend chooses."""
    if not _forced:
        return None
    for path in PATHS:
        if path == _forced:
            return path
    raise BackendError(f"{VARIABLE}={_forced!r} is unknown; it must be one of {known(PATHS)}, or unset")
