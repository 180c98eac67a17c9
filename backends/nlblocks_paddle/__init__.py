"""Native Paddle implementations: ``nlblocks_paddle.NonLocal(spec)`` or ``nlblocks_paddle.NonLocal(in_channels=64)``."""

import sys
from typing import TYPE_CHECKING, Any

from nlblocks.backend import Package, mirrored
from nlblocks.specs import kinds, spec_type
from nlblocks_paddle import quiet

if TYPE_CHECKING:
    from nlblocks_paddle.backend import backend

__all__ = ["backend"]
sys.modules[__name__].__class__ = Package
quiet.prepare()


def __getattr__(name: str) -> Any:
    return mirrored(__name__, name)


def __dir__() -> list[str]:
    return [*__all__, *(spec_type(kind).__name__ for kind in kinds())]
