"""ONNX: blocks and models exported by both frameworks, a file as a third witness, and as one side of a comparison.

Everything here needs the extra ``nlblocks[onnx]``; nothing outside of it does.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nlblocks.errors import InputError

if TYPE_CHECKING:
    from nlblocks.exchange.exporting import export, load_spec

__all__ = ["export", "load_spec"]

if find_spec("onnx") is None:
    raise InputError('ONNX files need the package onnx; install it with: pip install "nlblocks[onnx]"')


def __getattr__(name: str) -> Any:
    """:func:`export` and :func:`load_spec`, loaded on first use: those who read files need no more than that."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("nlblocks.exchange.exporting"), name)
