"""timm: NonLocalAttn, which scales by √C, C being the input's channels. Its kaiming start is not carried over."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import NonLocal
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def make_divisible(channels: float, divisor: int) -> int:
    """Rounding as timm does it: to the nearest multiple, at least one, and one more where that lost over a tenth."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _block(
    in_channels: int,
    use_scale: bool = True,
    rd_ratio: float = 1 / 8,
    rd_channels: int | None = None,
    rd_divisor: int = 8,
) -> BlockSpec:
    inner = make_divisible(in_channels * rd_ratio, rd_divisor) if rd_channels is None else rd_channels
    return NonLocal(
        in_channels=in_channels,
        inter_channels=inner,
        scale="sqrt_in" if use_scale else "none",
        norm=BatchNorm(),
    )


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "timm", spec, dims=(2,), mode=("embedded_gaussian",), sub_sample=("none",), scale=("none", "sqrt_in"),
        affinity_bias=(False,), output_bias=(True,), output_relu=(False,),
    )  # fmt: skip
    if spec.norm is None:
        raise InputError("dialect timm: NonLocal has norm=None; this codebase has a BatchNorm only")
    return {"theta": "t", "phi": "p", "g": "g", "w_z": "z", "norm": "norm"}


DIALECT = Dialect(
    name="timm",
    source="timm, layers/non_local_attn.py",
    classes={"NonLocalAttn": _block},
    tables={NonLocal: _non_local},
    ignored=("num_batches_tracked",),
)
