"""SimAM, the code of its authors: simam_module, which has no tensors."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.simam import SimAM
from nlblocks.weights.dialects.base import Dialect


def _module(channels: int | None = None, e_lambda: float = 1e-4) -> BlockSpec:
    """The class takes ``channels`` and does not use them."""
    return SimAM(e_lambda=e_lambda)


DIALECT = Dialect(
    name="simam",
    source="SimAM, networks/attentions/simam_module.py",
    classes={"simam_module": _module},
    tables={SimAM: lambda spec: {}},
)
