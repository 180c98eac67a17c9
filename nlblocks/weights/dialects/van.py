"""VAN: its LKA, and the Attention around it. Paddle's codebases have the same names."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.large_kernel_attention import LargeKernelAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def lka(dim: int) -> BlockSpec:
    return LargeKernelAttention(in_channels=dim)


def attention(d_model: int) -> BlockSpec:
    return LargeKernelAttention(in_channels=d_model, residual=True)


def lka_names(dialect: str, spec: LargeKernelAttention) -> Table:
    refuse_unless(dialect, spec, kernel_size=(5,), distant_kernel_size=(7,), dilation=(3,))
    inner = "spatial_gating_unit." if spec.residual else ""
    names = {"local": "conv0", "distant": "conv_spatial", "mix": "conv1"}
    rows = {ours: f"{inner}{theirs}" for ours, theirs in names.items()}
    return {**rows, "proj_1": "proj_1", "proj_2": "proj_2"}


DIALECT = Dialect(
    name="van",
    source="VAN-Classification, models/van.py",
    classes={"LKA": lka, "Attention": attention},
    tables={LargeKernelAttention: lambda spec: lka_names("van", spec)},
)
