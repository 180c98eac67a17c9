"""CCNet in pure PyTorch: its CrissCrossAttention, in 2D and 3D."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.criss_cross_attention import CrissCrossAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _criss_cross(in_dim: int, recurrence: int = 1) -> CrissCrossAttention:
    """``recurrence`` is not the class's own: CCNet's head calls one module that many times."""
    return _checked(CrissCrossAttention(in_channels=in_dim, recurrence=recurrence))


def _criss_cross_3d(in_dim: int, verbose: bool = False, recurrence: int = 1) -> CrissCrossAttention:
    """The version that counts a position once: it is masked on two of the three axes. ``verbose`` prints."""
    return _checked(CrissCrossAttention(in_channels=in_dim, dims=3, recurrence=recurrence))


def _checked(spec: CrissCrossAttention) -> CrissCrossAttention:
    _names(spec)
    return spec


def _names(spec: CrissCrossAttention) -> Table:
    fixed = spec.in_channels // 8
    if spec.inner != fixed:
        raise InputError(
            f"dialect ccnet: CrissCrossAttention of in_dim={spec.in_channels} has in_dim // 8 = {fixed} query "
            f"channels; it has no form with {spec.inner}"
        )
    return {"query": "query_conv", "key": "key_conv", "value": "value_conv", "gamma": "gamma"}


DIALECT = Dialect(
    name="ccnet",
    source="CCNet, and CCNet-Pure-Pytorch for 3D",
    classes={"CrissCrossAttention": _criss_cross, "CrissCrossAttention3D": _criss_cross_3d},
    tables={CrissCrossAttention: _names},
)
