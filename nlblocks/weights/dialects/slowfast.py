"""SlowFast: Nonlocal, which pools before phi and g, and scales by √D under softmax only."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import Mode, NonLocal
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

MODES: dict[str, Mode] = {"softmax": "embedded_gaussian", "dot_product": "dot_product"}


def _block(
    dim: int,
    dim_inner: int,
    pool_size: Sequence[int] | None = None,
    instantiation: str = "softmax",
    zero_init_final_norm: bool = True,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
) -> BlockSpec:
    if instantiation not in MODES:
        raise InputError(f"dialect slowfast: instantiation={instantiation!r} {one_of(instantiation, MODES)}")
    pool = (1, 1, 1) if pool_size is None else tuple(pool_size)
    if pool not in ((1, 1, 1), (1, 2, 2)):
        raise InputError(f"dialect slowfast: pool_size={pool_size!r} is not covered; it covers [1, 1, 1] and [1, 2, 2]")
    return NonLocal(
        in_channels=dim,
        inter_channels=dim_inner,
        dims=3,
        mode=MODES[instantiation],
        sub_sample="before" if pool == (1, 2, 2) else "none",
        scale="sqrt_inner" if instantiation == "softmax" else "none",
        norm=BatchNorm(eps=norm_eps, momentum=norm_momentum),
        zero_init=zero_init_final_norm,
    )


def _non_local(spec: NonLocal) -> Table:
    softmax = spec.mode == "embedded_gaussian"
    refuse_unless(
        "slowfast", spec, dims=(3,), mode=tuple(MODES.values()), sub_sample=("none", "before"), affinity_bias=(False,),
        scale=("sqrt_inner" if softmax else "none",), output_bias=(True,), output_relu=(False,),
    )  # fmt: skip
    if spec.norm is None:
        raise InputError("dialect slowfast: NonLocal has norm=None; this codebase has a BatchNorm only")
    return {"theta": "conv_theta", "phi": "conv_phi", "g": "conv_g", "w_z": "conv_out", "norm": "bn"}


DIALECT = Dialect(
    name="slowfast",
    source="SlowFast, models/nonlocal_helper.py",
    classes={"Nonlocal": _block},
    tables={NonLocal: _non_local},
    ignored=("num_batches_tracked",),
)
