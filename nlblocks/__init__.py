"""Attention blocks with one spec and native torch and Paddle implementations, proven to agree.

    import nlblocks
    spec = nlblocks.specs.NonLocal(in_channels=64, mode="dot_product")
    block = nlblocks.build(spec, backend="torch", seed=0)
    assert nlblocks.verify(spec)

Importing this package loads no framework, and nothing of its own: each name is found at its first use.
"""

import os
from importlib import import_module

__version__ = "0.3.0"
__all__ = [
    "BackendError", "InputError", "NLBlocksError", "Run",
    "build", "dialects", "insert", "insert_all", "installed", "kinds", "load", "load_state", "package", "run", "save",
    "spec_from_dict", "specs", "state_of", "transfer", "use", "verify",
]  # fmt: skip

HOMES = {
    name: module
    for module, names in {
        "backend": ("Run", "installed", "package", "use"),
        "blocks": ("build", "run"),
        "errors": ("BackendError", "InputError", "NLBlocksError"),
        "loading": ("load",),
        "plug": ("insert", "insert_all"),
        "proof": ("verify",),
        "specs": ("kinds", "spec_from_dict"),
        "weights": ("dialects",),
        "weights.saving": ("save",),
        "weights.state": ("load_state", "state_of", "transfer"),
    }.items()
    for name in names
}
"""Where each public name lives: the table of the lazy imports, and of the stub that type checkers read."""


def __getattr__(name: str) -> object:
    """A public name, a module of this package, or ``nlblocks.NonLocal`` and its like: of the chosen backend.

    Where none is chosen a block raises BackendError, which ``hasattr`` lets through on purpose: a False would say
    that there is no such block.
    """
    if name in HOMES:
        home = import_module(f"{__name__}.{HOMES[name]}")
        if not hasattr(home, name):  # a module in it
            import_module(f"{home.__name__}.{name}")
        globals()[name] = getattr(home, name)
        return globals()[name]
    names: list[str] = []
    if not name.startswith("_"):
        if _is_module(name):
            return import_module(f"{__name__}.{name}")  # which binds it here
        blocks = import_module("nlblocks.specs").block_types()
        if name in blocks:
            backend = import_module("nlblocks.backend")
            return getattr(backend.package(backend.current()), name)
        names = [*__all__, "parity", *blocks]
    raise import_module("nlblocks.errors").no_attribute(__name__, name, names)


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(f"{__name__}.{name}") is not None


def __dir__() -> list[str]:
    """What there is to complete: the blocks too, where a backend has been named."""
    named = os.environ.get("NLBLOCKS_BACKEND")
    usable = named is not None and named in import_module("nlblocks.backend").installed()
    blocks = import_module("nlblocks.specs").block_types() if usable else ()
    return sorted({*__all__, "__version__", "parity", *blocks})
