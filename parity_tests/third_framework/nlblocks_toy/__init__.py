"""numtape's backend, as a stranger would write one: ``nlblocks_toy.SqueezeExcitation(in_channels=64)``."""

import sys
from typing import Any

from nlblocks.backend import Package, mirrored

__all__ = ["EfficientChannelAttention", "PositionAttention", "SqueezeExcitation", "backend"]
framework = "numtape"  # where its models come from: imported when a block or the tracer is wanted, and no sooner
sys.modules[__name__].__class__ = Package


def __getattr__(name: str) -> Any:
    return mirrored(__name__, name)


def __dir__() -> list[str]:
    return __all__
