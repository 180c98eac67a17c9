"""Non-Local-NN-Pytorch of tea1528: its NLBlockND, which has no sub-sampling."""

from __future__ import annotations

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import Mode, NonLocal
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

MODES: dict[str, Mode] = {
    "embedded": "embedded_gaussian", "gaussian": "gaussian", "dot": "dot_product", "concatenate": "concatenation",
}  # fmt: skip


def _block(
    in_channels: int,
    inter_channels: int | None = None,
    mode: str = "embedded",
    dimension: int = 3,
    bn_layer: bool = True,
) -> BlockSpec:
    if mode not in MODES:
        raise InputError(f"dialect tea1528: mode={mode!r} {one_of(mode, MODES)}")
    return NonLocal(
        in_channels=in_channels,
        inter_channels=inter_channels,
        dims=dimension,
        mode=MODES[mode],
        norm=BatchNorm() if bn_layer else None,
        affinity_bias=mode == "concatenate",
    )


def _non_local(spec: NonLocal) -> Table:
    refuse_unless(
        "tea1528", spec, sub_sample=("none",), scale=("none",), output_bias=(True,), output_relu=(False,),
        affinity_bias=(spec.mode == "concatenation",),
    )  # fmt: skip
    return {
        "g": "g",
        "theta": "theta",
        "phi": "phi",
        "w_f": ("W_f.0.weight", (1, -1, 1, 1)),
        "b_f": "W_f.0.bias",
        "w_z": "W_z.0" if spec.norm is not None else "W_z",
        "norm": "W_z.1",
    }


DIALECT = Dialect(
    name="tea1528",
    source="Non-Local-NN-Pytorch",
    classes={"NLBlockND": _block},
    tables={NonLocal: _non_local},
    ignored=("num_batches_tracked",),
)
