"""Public codebases as dialects: their constructor calls become specs, their tensors become canonical, and back.

A dialect is found by being here: each module of this package holds one, named ``DIALECT``. A module whose name begins
with an underscore is a part of one.
"""

import importlib
import pkgutil

from nlblocks.errors import InputError, one_of
from nlblocks.weights.dialects.base import Dialect

_DIALECTS: dict[str, Dialect] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").DIALECT
    for module in pkgutil.iter_modules(__path__)
    if module.name != "base" and not module.name.startswith("_")
}


def names() -> list[str]:
    """The known dialects."""
    return sorted(_DIALECTS)


def get(name: str) -> Dialect:
    """The dialect of a codebase, e.g. "alexhex7"."""
    if not isinstance(name, str) or name not in _DIALECTS:
        raise InputError(f"dialect {name!r} is unknown; it {one_of(name, names())}")
    return _DIALECTS[name]
