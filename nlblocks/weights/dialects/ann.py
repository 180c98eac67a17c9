"""MendelXu/ANN, the code of the authors of the asymmetric non-local blocks, which mmseg and PaddleSeg have as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nlblocks.errors import InputError, one_of
from nlblocks.specs.asymmetric_fusion_non_local import AsymmetricFusionNonLocal
from nlblocks.specs.asymmetric_pyramid_non_local import AsymmetricPyramidNonLocal
from nlblocks.specs.base import BlockSpec
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless

SIZES = (1, 3, 6, 8)
"""What the published blocks pool to."""
NORMS = (None, "batchnorm", "encsync_batchnorm")
"""Values of norm_type that are a BatchNorm; None fails in ModuleHelper, and is taken as one here."""


def check_stages(dialect: str, name: str, given: Sequence[int]) -> None:
    """Raise InputError for more stages than the one of size 1, which all published models have."""
    if list(given) != [1]:
        raise InputError(f"dialect {dialect}: {name}={given!r} is not covered; only [1] is")


def _check(sizes: Sequence[int], norm_type: str | None) -> None:
    check_stages("ann", "sizes", sizes)
    if norm_type not in NORMS:
        raise InputError(f"dialect ann: norm_type={norm_type!r} {one_of(norm_type, NORMS)}")


def _pyramid(
    in_channels: int,
    out_channels: int,
    key_channels: int,
    value_channels: int,
    dropout: float,
    sizes: Sequence[int] = (1,),
    norm_type: str | None = None,
    psp_size: Sequence[int] = SIZES,
) -> BlockSpec:
    _check(sizes, norm_type)
    return AsymmetricPyramidNonLocal(
        in_channels=in_channels, key_channels=key_channels, value_channels=value_channels, out_channels=out_channels,
        pool_sizes=tuple(psp_size), conv_bias=True, dropout=dropout,
    )  # fmt: skip


def _fusion(
    low_in_channels: int,
    high_in_channels: int,
    out_channels: int,
    key_channels: int,
    value_channels: int,
    dropout: float,
    sizes: Sequence[int] = (1,),
    norm_type: str | None = None,
    psp_size: Sequence[int] = SIZES,
) -> BlockSpec:
    _check(sizes, norm_type)
    return AsymmetricFusionNonLocal(
        low_channels=low_in_channels, high_channels=high_in_channels, key_channels=key_channels,
        value_channels=value_channels, out_channels=out_channels, pool_sizes=tuple(psp_size), conv_bias=True,
        dropout=dropout,
    )  # fmt: skip


def asymmetric_names(parts: Mapping[str, str], conv: str, norm: str) -> dict[str, Foreign]:
    """Our names of a block's layers of convolution and BatchNorm, which end in ``conv`` and ``norm`` over there."""
    names: dict[str, Foreign] = {}
    for ours, theirs in parts.items():
        names |= {f"{ours}.conv": f"{theirs}{conv}", f"{ours}.norm": f"{theirs}{norm}"}
    return names


PLAIN: dict[str, Foreign] = {"value": "stages.0.f_value", "context": "stages.0.W"}
"""The convolutions without BatchNorm."""
QUERY_IS_KEY = {"stages.0.f_query": "stages.0.f_key"}
"""APNB holds one layer under both names."""


def _pyramid_names(spec: AsymmetricPyramidNonLocal) -> Table:
    refuse_unless("ann", spec, conv_bias=(True,))
    parts = {"key": "stages.0.f_key", "output": "conv_bn_dropout"}
    return {**PLAIN, **asymmetric_names(parts, ".0", ".1.0")}


def _fusion_names(spec: AsymmetricFusionNonLocal) -> Table:
    refuse_unless("ann", spec, conv_bias=(True,))
    parts = {"query": "stages.0.f_query", "key": "stages.0.f_key"}
    output = asymmetric_names({"output": "conv_bn_dropout"}, ".0", ".1")
    return {**PLAIN, **asymmetric_names(parts, ".0", ".1.0"), **output}


DIALECT = Dialect(
    name="ann",
    source="MendelXu/ANN, lib/models/modules: the authors of APNB and AFNB",
    classes={"APNB": _pyramid, "AFNB": _fusion},
    tables={AsymmetricPyramidNonLocal: _pyramid_names, AsymmetricFusionNonLocal: _fusion_names},
    shared={AsymmetricPyramidNonLocal: lambda spec: QUERY_IS_KEY},
    ignored=("num_batches_tracked",),
)
