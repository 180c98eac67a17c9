"""openseg.pytorch, the code of the authors of ISA and OCR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.interlaced_sparse_attention import InterlacedSparseAttention
from nlblocks.specs.object_attention import ObjectAttention
from nlblocks.specs.object_context import ObjectContext
from nlblocks.specs.spatial_gather import SpatialGather
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless

NORMS = (None, "torchbn", "torchsyncbn")
"""Values of bn_type that are torch's BatchNorm; None fails in ModuleHelper, and is taken as it here."""


def check_norm(cls: str, bn_type: str | None) -> None:
    """Raise InputError where ``bn_type`` is another BatchNorm."""
    if bn_type not in NORMS:
        raise InputError(f"dialect openseg: {cls}: bn_type={bn_type!r} {one_of(bn_type, NORMS)}")


def _pairs(factors: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """The factors as tuples: whether they are pairs, the spec says."""
    return cast(tuple[tuple[int, int], ...], tuple(tuple(pair) for pair in factors))


def _isa_block(
    in_channels: int,
    key_channels: int,
    value_channels: int,
    out_channels: int,
    down_factor: Sequence[int] = (8, 8),
    bn_type: str | None = None,
) -> BlockSpec:
    check_norm("ISA_Block", bn_type)
    return InterlacedSparseAttention(
        in_channels=in_channels, key_channels=key_channels, value_channels=value_channels, out_channels=out_channels,
        partitions=_pairs([down_factor]),
    )  # fmt: skip


def _isa_module(
    in_channels: int,
    key_channels: int,
    value_channels: int,
    out_channels: int,
    down_factors: Sequence[Sequence[int]] = ((8, 8),),
    dropout: float = 0,
    bn_type: str | None = None,
) -> BlockSpec:
    check_norm("ISA_Module", bn_type)
    return InterlacedSparseAttention(
        in_channels=in_channels, key_channels=key_channels, value_channels=value_channels, out_channels=out_channels,
        form="module", partitions=_pairs(down_factors), dropout=dropout,
    )  # fmt: skip


def _isa_names(spec: InterlacedSparseAttention) -> Table:
    refuse_unless("openseg", spec, form=("block", "module"), value_bias=(False,))
    names: dict[str, Foreign] = {
        "lift.conv": "up_conv.0", "lift.norm": "up_conv.1.0", "output.conv": "conv_bn.0", "output.norm": "conv_bn.1.0"
    }  # fmt: skip
    for index in range(len(spec.partitions)):
        before = f"stages.{index}." if spec.form == "module" else ""
        for part in ("long", "short"):
            theirs = f"{before}{part}_range_sa"
            names |= {f"stages.{index}.{part}.{ours}": f"{theirs}.{row}" for ours, row in ATTENTION.items()}
    return names


def _gather(cls_num: int = 0, scale: float = 1) -> BlockSpec:
    """The number of classes is that of the logits."""
    return SpatialGather(scale=scale)


def _ocr(
    in_channels: int,
    key_channels: int,
    out_channels: int,
    scale: int = 1,
    dropout: float = 0.1,
    bn_type: str | None = None,
) -> BlockSpec:
    """The module after its gather, as its networks hold both: spatial_context_head and spatial_ocr_head."""
    check_norm("SpatialOCR_Module", bn_type)
    if scale != 1:
        raise InputError(f"dialect openseg: SpatialOCR_Module: scale={scale!r} pools the pixels; only 1 is covered")
    return ObjectContext(
        in_channels=in_channels, key_channels=key_channels, out_channels=out_channels, conv_bias=True, dropout=dropout
    )


def _object_names(spec: ObjectAttention) -> Table:
    refuse_unless("openseg", spec, conv_bias=(True,))
    names: dict[str, Foreign] = {"output.conv": "conv_bn_dropout.0", "output.norm": "conv_bn_dropout.1.0"}
    return names | {ours: f"object_context_block.{theirs}" for ours, theirs in OBJECTS.items()}


def _ocr_names(spec: ObjectContext) -> Table:
    refuse_unless("openseg", spec, scale=(1.0,))
    return {f"attention.{ours}": f"spatial_ocr_head.{name}" for ours, name in _object_names(spec.attention).items()}


OBJECTS = {
    "query.0.conv": "f_pixel.0", "query.0.norm": "f_pixel.1.0", "query.1.conv": "f_pixel.2",
    "query.1.norm": "f_pixel.3.0", "key.0.conv": "f_object.0", "key.0.norm": "f_object.1.0", "key.1.conv": "f_object.2",
    "key.1.norm": "f_object.3.0", "value.conv": "f_down.0", "value.norm": "f_down.1.0", "up.conv": "f_up.0",
    "up.norm": "f_up.1.0",
}  # fmt: skip
"""The layers of an ObjectAttentionBlock2D."""
ATTENTION = {
    "query.0.conv": "f_query.0", "query.0.norm": "f_query.1.0", "query.1.conv": "f_query.2",
    "query.1.norm": "f_query.3.0", "key.0.conv": "f_key.0", "key.0.norm": "f_key.1.0", "key.1.conv": "f_key.2",
    "key.1.norm": "f_key.3.0", "value": "f_value", "output.conv": "W.0", "output.norm": "W.1.0",
}  # fmt: skip
"""The layers of a SelfAttentionBlock2D."""

DIALECT = Dialect(
    name="openseg",
    source="openseg.pytorch, lib/models/modules/isa_block.py and spatial_ocr_block.py",
    classes={
        "ISA_Block": _isa_block,
        "ISA_Module": _isa_module,
        "SpatialGather_Module": _gather,
        "SpatialOCR_Module": _ocr,
    },
    tables={
        InterlacedSparseAttention: _isa_names,
        SpatialGather: lambda spec: {},
        ObjectAttention: _object_names,
        ObjectContext: _ocr_names,
    },
    ignored=("num_batches_tracked",),
)
