"""The errors that the library raises on purpose. Each message is one line: what, where, received, what to do."""

from __future__ import annotations

import os
from pathlib import Path


class NLBlocksError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""


class InputError(NLBlocksError, ValueError):
    """A spec, an input, a state or an option that cannot be used as given."""


class BackendError(NLBlocksError, RuntimeError):
    """A backend that is unknown, not installed, not chosen, or chosen twice."""


class NoBlockError(BackendError, AttributeError):
    """A backend that has no block of a kind: a third party's may have some alone.

    An AttributeError as well: a backend's package has no attribute of the block's name, and ``hasattr`` says so.
    """


def file_path(value: object) -> Path:
    """A file name as a Path. Raises InputError for anything that is none."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"expected a file name, received {value!r} of type {type(value).__name__}")
    return Path(value)


def known(names: object) -> str:
    """Format the legal values for an error message, e.g. ``'a', 'b'``."""
    return ", ".join(repr(name) for name in names)  # type: ignore[attr-defined]
