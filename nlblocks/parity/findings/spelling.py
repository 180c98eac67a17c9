"""How each framework spells what a cause names: ``SPELLING`` in ``lab/spelling.py`` of its backend, read without it."""

from __future__ import annotations

from importlib import import_module

from nlblocks.backend import rows


def spelled(cause: str) -> dict[str, str]:
    """An expression of each backend that has one for a cause, by the backend's name."""
    found = {}
    for name, row in rows().items():
        module = f"{row.module}.lab.spelling"
        try:
            spelling = import_module(module).SPELLING
        except ModuleNotFoundError as error:
            if not module.startswith(error.name or module):  # something that it imports
                raise
            continue
        if cause in spelling:
            found[name] = spelling[cause]
    return found
