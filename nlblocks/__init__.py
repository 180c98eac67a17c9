"""Attention blocks with one spec and native torch and Paddle implementations, proven to agree.

    import nlblocks
    spec = nlblocks.specs.NonLocal(in_channels=64, mode="dot_product")
    block = nlblocks.build(spec, backend="torch", seed=0)
    assert nlblocks.verify(spec)

Importing this package loads no framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nlblocks import specs
from nlblocks.backend import Run, installed, package, use
from nlblocks.backend import current as _current
from nlblocks.blocks import build, run
from nlblocks.errors import BackendError, InputError, NLBlocksError
from nlblocks.loading import load
from nlblocks.plug import insert, insert_all
from nlblocks.proof import verify
from nlblocks.specs import kinds, spec_from_dict
from nlblocks.specs.base import block_types as _block_types
from nlblocks.weights import dialects
from nlblocks.weights.saving import save
from nlblocks.weights.state import load_state, state_of, transfer

__version__ = "0.1.0"
__all__ = [
    "BackendError", "InputError", "NLBlocksError", "Run",
    "build", "dialects", "insert", "insert_all", "installed", "kinds", "load", "load_state", "package", "run", "save",
    "spec_from_dict", "specs", "state_of", "transfer", "use", "verify",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """``nlblocks.parity``, loaded on first use, and ``nlblocks.NonLocal`` and its like: of the chosen backend.

        Where none is chosen this raises BackendError, which ``hasattr`` lets through on purpose: a False would say that
        there is no such block.
        """
        if name == "parity":
            return import_module("nlblocks.parity")
        if name not in _block_types():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(package(_current()), name)
