"""PaddleSeg: NonLocal2D, whose output is conv (no bias), BatchNorm and ReLU.

Its concatenation has a BatchNorm on the affinities, and its gaussian mode runs only with reduction 1: the first has no
spec, the second is refused where it would crash.
"""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import reduce_channels
from nlblocks.specs.non_local import NonLocal
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless
from nlblocks.weights.dialects.paddle_blog import NORM

MODES = ("embedded_gaussian", "dot_product", "gaussian")


def _block(
    in_channels: int,
    reduction: int = 2,
    use_scale: bool = True,
    sub_sample: bool = False,
    mode: str = "embedded_gaussian",
) -> BlockSpec:
    inner = reduce_channels(in_channels, reduction)
    if mode == "gaussian" and inner != in_channels:
        raise InputError(f"dialect paddleseg: mode='gaussian' crashes with reduction={reduction!r}; it needs 1")
    spec = NonLocal(
        in_channels=in_channels,
        inter_channels=inner,
        mode=mode,
        sub_sample="after" if sub_sample else "none",
        scale="sqrt_inner" if use_scale and mode == "embedded_gaussian" else "none",
        norm=NORM,
        zero_init=False,
        output_bias=False,
        output_relu=True,
    )
    _non_local(spec)  # refuses what the code cannot do
    return spec


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "paddleseg", spec, dims=(2,), mode=MODES, sub_sample=("none", "after"), output_bias=(False,),
        output_relu=(True,), scale=("none", "sqrt_inner") if spec.mode == "embedded_gaussian" else ("none",),
    )  # fmt: skip
    if spec.norm is None:
        raise InputError("dialect paddleseg: NonLocal has norm=None; this codebase has a BatchNorm only")
    pooled = ".0" if spec.sub_sample == "after" else ""
    return {
        "theta": "theta",
        "phi": f"phi{pooled}",
        "g": f"g{pooled}",
        "w_z": "conv_out._conv",
        "norm": "conv_out._batch_norm",
    }


DIALECT = Dialect(
    name="paddleseg",
    source="PaddleSeg, models/layers/nonlocal2d.py",
    classes={"NonLocal2D": _block},
    tables={NonLocal: _non_local},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
