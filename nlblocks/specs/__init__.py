"""What every block is, one file per family. ``specs.NonLocal(in_channels=64)`` and its like live here.

A new family is found by being here: each module of this package is imported, and each spec that it registers is
public under its class name.
"""

import importlib
import pkgutil
from typing import Any

from nlblocks.errors import no_attribute
from nlblocks.specs.base import BlockSpec, Init, Param, Spec, block_types, kinds, spec_from_dict, spec_type
from nlblocks.specs.layers import BatchNorm, reduce_channels

for _module in pkgutil.iter_modules(__path__):
    if _module.name != "catalogue":
        importlib.import_module(f"{__name__}.{_module.name}")

_BLOCKS = block_types()
__all__ = [
    "BatchNorm", "BlockSpec", "Init", "Param", "Spec",
    "kinds", "reduce_channels", "spec_from_dict", "spec_type", *_BLOCKS,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _BLOCKS:
        return _BLOCKS[name]
    raise no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
