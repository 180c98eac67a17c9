"""The errors that the library raises on purpose. Each message is one line: what, where, received, what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

ALIKE = 0.6
"""How alike two names are, from 0 to 1, of which one is suggested for the other: difflib's own default."""
LONGEST = 80
"""How many characters of an object's own text a message quotes."""


class NLBlocksError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""

    def __str__(self) -> str:
        """One line, whatever it quotes: another library's error, or an object's own text."""
        return " ".join(line.strip() for line in super().__str__().splitlines() if line.strip())


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


def said(value: object) -> str:
    """A value as a message quotes it: a text or a number as Python writes it, and what is short; else by its type."""
    text = repr(value)
    plain = isinstance(value, str | int | float) or (len(text) <= LONGEST and text.isprintable())
    return text if plain else f"a {type(value).__name__}"


def no_spec(where: str, value: object) -> InputError:
    """The error for what is given where a block's spec is wanted."""
    spec = getattr(value, "spec", None)
    kind = f"; a block's own is {type(value).__name__}.spec" if type(spec).__module__.startswith("nlblocks.") else ""
    return InputError(
        f"{where}: spec must be a block spec such as nlblocks.specs.NonLocal(...), received {said(value)}{kind}"
    )


def known(names: object) -> str:
    """Format the legal values for an error message, e.g. ``'a', 'b'``."""
    return ", ".join(repr(name) for name in names)  # type: ignore[attr-defined]


def one_of(value: object, names: Iterable[object]) -> str:
    """The rule that a value breaks which is none of some names: ``must be one of 'a', 'b'``, and what was meant."""
    listed = list(names)
    return f"must be one of {known(listed)}{meant(value, listed)}"


def meant(value: object, names: Iterable[object]) -> str:
    """How a message about a name that is none ends: ``; did you mean non_local?``; "" where no name is like it."""
    near = nearest(value, names)
    return f"; did you mean {near}?" if near else ""


def nearest(value: object, names: Iterable[object]) -> str:
    """The name that is most like a value, whose case and punctuation do not count; "" where none is like it."""
    from difflib import get_close_matches  # here: it is needed when something is wrong

    plain = {_plain(name): name for name in names if isinstance(name, str)}
    found = get_close_matches(_plain(value), plain, n=1, cutoff=ALIKE) if isinstance(value, str) else []
    return plain[found[0]] if found else ""


def no_attribute(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """The error for a name that a module has not."""
    return AttributeError(f"module {module!r} has no attribute {name!r}{meant(name, names)}")


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
