"""The formulas in NumPy: ``nlblocks_reference.NonLocal(spec)``, float64, forward only."""

from typing import Any

from nlblocks.backend import mirrored
from nlblocks.specs import kinds, spec_type
from nlblocks_reference.backend import backend

__all__ = ["backend"]


def __getattr__(name: str) -> Any:
    return mirrored(__name__, name)


def __dir__() -> list[str]:
    return [*__all__, *(spec_type(kind).__name__ for kind in kinds())]
