"""mmcv: NonLocal1d, NonLocal2d, NonLocal3d, ContextBlock and CrissCrossAttention.

The N(0, 0.01) start of the non-local blocks is not carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nlblocks.errors import InputError, known, one_of
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.specs.criss_cross_attention import CrissCrossAttention
from nlblocks.specs.global_context import ContextPool, Fuse, GlobalContext
from nlblocks.specs.layers import BatchNorm, reduce_channels
from nlblocks.specs.non_local import Mode, NonLocal
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, pointwise, refuse_unless

NORMS = ("BN", "BN1d", "BN2d", "BN3d", "SyncBN")


def _block(dims: int) -> Callable[..., BlockSpec]:
    def block(
        in_channels: int,
        sub_sample: bool = False,
        reduction: int = 2,
        use_scale: bool = True,
        norm_cfg: Mapping[str, Any] | None = None,
        mode: Mode = "embedded_gaussian",
        zeros_init: bool = True,
    ) -> BlockSpec:
        return NonLocal(
            in_channels=in_channels,
            inter_channels=reduce_channels(in_channels, reduction),
            dims=dims,
            mode=mode,
            sub_sample="after" if sub_sample else "none",
            scale="sqrt_inner" if use_scale and mode == "embedded_gaussian" else "none",
            norm=norm_of(norm_cfg),
            zero_init=zeros_init,
            output_bias=norm_cfg is None,
        )

    return block


def norm_of(config: Mapping[str, Any] | None, dialect: str = "mmcv") -> BatchNorm | None:
    """The BatchNorm of a ``norm_cfg``."""
    if config is None:
        return None
    options = dict(config)
    kind = options.pop("type", None)
    options.pop("requires_grad", None)
    if kind not in NORMS:
        raise InputError(f"dialect {dialect}: norm_cfg type={kind!r} is not covered; it covers {known(NORMS)}")
    unknown = set(options) - {"eps", "momentum"}
    if unknown:
        raise InputError(f"dialect {dialect}: norm_cfg has {known(sorted(unknown))}; it covers 'eps' and 'momentum'")
    return BatchNorm(**options)


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "mmcv", spec, sub_sample=("none", "after"), affinity_bias=(False,), output_bias=(spec.norm is None,),
        output_relu=(False,), scale=("none", "sqrt_inner") if spec.mode == "embedded_gaussian" else ("none",),
    )  # fmt: skip
    pooled = ".0" if spec.sub_sample == "after" else ""
    return {
        "g": f"g{pooled}.conv",
        "theta": "theta.conv",
        "phi": f"phi{pooled}.conv",
        "w_f": ("concat_project.conv.weight", (1, -1, 1, 1)),
        "w_z": "conv_out.conv",
        "norm": "conv_out.bn",
    }


def _criss_cross(in_channels: int) -> BlockSpec:
    spec = CrissCrossAttention(in_channels=in_channels)
    _criss_cross_names(spec)
    return spec


def _criss_cross_names(spec: CrissCrossAttention) -> Table:
    refuse_unless("mmcv", spec, dims=(2,), inner=(spec.in_channels // 8,))
    return {"query": "query_conv", "key": "key_conv", "value": "value_conv", "gamma": ("gamma.scale", ())}


POOLS: dict[str, ContextPool] = {"att": "attention", "avg": "mean"}
FUSES: dict[tuple[str, ...], Fuse] = {
    ("channel_add",): "add", ("channel_mul",): "mul", ("channel_add", "channel_mul"): "both"
}  # fmt: skip


def _context(
    in_channels: int, ratio: float, pooling_type: str = "att", fusion_types: Sequence[str] = ("channel_add",)
) -> BlockSpec:
    fusions = tuple(sorted(set(fusion_types)))
    for name, given, covered in (("pooling_type", pooling_type, POOLS), ("fusion_types", fusions, FUSES)):
        if given not in covered:
            raise InputError(f"dialect mmcv: ContextBlock: {name}={given!r} {one_of(given, covered)}")
    return GlobalContext(
        in_channels=in_channels,
        inter_channels=int(in_channels * ratio),
        pool=POOLS[pooling_type],
        fuse=FUSES[fusions],
    )


def _context_names(spec: GlobalContext) -> Table:
    refuse_unless("mmcv", spec, gate=("sigmoid",), ln_eps=(1e-5,))
    return context_names(spec, (spec.inner, 1, 1))


def context_names(spec: GlobalContext, norm: Shape) -> Table:
    """The tensors of a ContextBlock, which PaddleSeg calls alike; ``norm`` is the shape of its LayerNorms."""
    names: dict[str, Foreign] = {"mask": "conv_mask"}
    for branch in spec.branches:
        theirs = f"channel_{branch}_conv"
        names |= pointwise(f"{branch}.fc_1", f"{theirs}.0", spec.in_channels)
        names |= {f"{branch}.norm.{end}": (f"{theirs}.1.{end}", norm) for end in ("weight", "bias")}
        names |= pointwise(f"{branch}.fc_2", f"{theirs}.3", spec.inner)
    return names


DIALECT = Dialect(
    name="mmcv",
    source="mmcv, cnn/bricks/non_local.py, cnn/bricks/context_block.py and ops/cc_attention.py",
    classes={
        **{f"NonLocal{dims}d": _block(dims) for dims in (1, 2, 3)},
        "CrissCrossAttention": _criss_cross,
        "ContextBlock": _context,
    },
    tables={NonLocal: _non_local, CrissCrossAttention: _criss_cross_names, GlobalContext: _context_names},
    ignored=("num_batches_tracked",),
)
