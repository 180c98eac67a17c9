"""A public plugin for mmdetection, GCTBlock: GCT-B0, and GCT-B1 where it is learned."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.gaussian_context import GaussianContext
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _block(in_channels: int, c: float = 2, alpha: float = 3, beta: float = 1, is_learnable: bool = False) -> BlockSpec:
    """It takes any number of channels, whatever ``in_channels`` says."""
    return GaussianContext(c=c, learned=is_learnable, alpha=alpha, beta=beta)


def _names(spec: GaussianContext) -> Table:
    refuse_unless("gctblock", spec, deviation=("unbiased",), eps=(1e-5,))
    return {"theta": "theta"}


DIALECT = Dialect(
    name="gctblock",
    source="a plugin for mmdetection, GCTBlock",
    classes={"GCTBlock": _block},
    tables={GaussianContext: _names},
)
