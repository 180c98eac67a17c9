"""Axial-DeepLab by its authors: the AxialAttention of lib/models/axialnet.py."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.position_sensitive_axial_attention import PositionSensitiveAxialAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _axial(
    in_planes: int,
    out_planes: int,
    groups: int = 8,
    kernel_size: int = 56,
    stride: int = 1,
    bias: bool = False,
    width: bool = False,
) -> BlockSpec:
    """The class keeps ``bias`` and has none. Heads of an odd width crash there and are refused here."""
    return PositionSensitiveAxialAttention(
        in_channels=in_planes, span=kernel_size, out_channels=out_planes, heads=groups,
        along="width" if width else "height", stride=stride,
    )  # fmt: skip


def _names(spec: PositionSensitiveAxialAttention) -> Table:
    return {
        "qkv.weight": ("qkv_transform.weight", (2 * spec.width, spec.in_channels, 1)),
        "qkv_norm": "bn_qkv", "relative": "relative", "score_norm": "bn_similarity", "output_norm": "bn_output",
    }  # fmt: skip


DIALECT = Dialect(
    name="axial_deeplab",
    source="the authors' axial-deeplab, lib/models/axialnet.py",
    classes={"AxialAttention": _axial},
    tables={PositionSensitiveAxialAttention: _names},
    ignored=("num_batches_tracked", "flatten_index"),
)
