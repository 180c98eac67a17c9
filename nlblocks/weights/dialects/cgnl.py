"""cgnl-network.pytorch, the authors' SpatialCGNL and SpatialCGNLx.

Its default of no groups cannot be built. The N(0, 0.01) start of its convolutions is not carried over. CGNLx holds its
gamma, and the roots of the factors of its series, which it multiplies by twice, as float32.
"""

from __future__ import annotations

import math

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.compact_generalised_non_local import CompactGeneralisedNonLocal
from nlblocks.weights.dialects.base import Dialect, Table


def _block(inplanes: int, planes: int, use_scale: bool = False, groups: int | None = None) -> BlockSpec:
    return _spec("SpatialCGNL", inplanes, planes, use_scale, groups, ())


def _series(
    inplanes: int, planes: int, use_scale: bool = False, groups: int | None = None, order: int = 2
) -> BlockSpec:
    return _spec("SpatialCGNLx", inplanes, planes, use_scale, groups, _factors(order))


def _factors(order: int) -> tuple[float, ...]:
    """The factors as torch computes them in float32, where it takes a root as x · (1 / √x)."""
    gamma = float(np.float32(1e-4))
    beta = np.float32(math.exp(-2 * gamma))
    found = []
    for power in range(order + 1):
        factor = np.float32(np.float32((2 * gamma) ** power) / np.float32(math.factorial(power))) * beta
        found.append(float(factor * np.float32(1 / math.sqrt(factor))) ** 2)
    return tuple(found)


def _spec(
    cls: str, inplanes: int, planes: int, scale: bool, groups: int | None, taylor: tuple[float, ...]
) -> BlockSpec:
    if groups is None:
        raise InputError(f"dialect cgnl: {cls}: groups=None cannot be built; give the number of groups")
    return CompactGeneralisedNonLocal(
        in_channels=inplanes, inter_channels=planes, groups=groups, scale=scale, taylor=taylor
    )


def _names(spec: CompactGeneralisedNonLocal) -> Table:
    return {"theta": "t", "phi": "p", "g": "g", "w_z": "z", "norm": "gn"}


DIALECT = Dialect(
    name="cgnl",
    source="cgnl-network.pytorch, model/resnet.py",
    classes={"SpatialCGNL": _block, "SpatialCGNLx": _series},
    tables={CompactGeneralisedNonLocal: _names},
)
