"""DNL-Semantic-Segmentation, the authors' disentangled non-local block: NonLocal2d_bn.

``use_gn`` and ``lr_mult`` change nothing that it computes. Its whiten_type names what it means by the axis that is
kept: "channel" is the mean over positions. A word that the code does not look for, as "in_nostd", whitens nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.disentangled_non_local import DisentangledNonLocal, Unary, Whiten
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

WHITEN: dict[str, Whiten] = {"channel": "positions", "spatial": "channels", "ln_nostd": "all"}
UNARY: dict[tuple[bool, bool], Unary] = {
    (False, False): "none", (True, False): "mask", (False, True): "mean", (True, True): "both"
}  # fmt: skip


def _block(
    inplanes: int,
    planes: int,
    downsample: bool = True,
    use_gn: bool = False,
    lr_mult: Any = None,
    use_out: bool = False,
    out_bn: bool = False,
    whiten_type: Sequence[str] = ("channel",),
    temperature: float = 1.0,
    with_gc: bool = False,
    with_unary: bool = False,
) -> BlockSpec:
    whiten_type = (whiten_type,) if isinstance(whiten_type, str) else whiten_type
    normed = [word for word in whiten_type if word in ("bn", "bn_affine")]
    whiten = [WHITEN[word] for word in whiten_type if word in WHITEN]
    if normed or len(whiten) > 1:
        given, one = list(whiten_type), known(WHITEN)
        raise InputError(f"dialect dnl: NonLocal2d_bn: whiten_type={given!r} is not covered; it covers one of {one}")
    return DisentangledNonLocal(
        in_channels=inplanes,
        inter_channels=planes,
        sub_sample="before" if downsample else "none",
        temperature=temperature,
        whiten=whiten[0] if whiten else "none",
        unary=UNARY[with_gc, with_unary],
        pair_gamma=True,
        output=use_out,
        norm=BatchNorm() if out_bn else None,
        zero_init=False,
    )


def _names(spec: DisentangledNonLocal) -> Table:
    refuse_unless(
        "dnl", spec, mode=("embedded_gaussian",), scale=("sqrt_inner",), pair_gamma=(True,), output_bias=(False,),
        output_relu=(False,),
    )  # fmt: skip
    return {
        "theta": "conv_query",
        "phi": "conv_key",
        "g": "conv_value",
        "mask": "conv_mask",
        "gamma": "gamma",
        "w_z": "conv_out",
        "norm": "out_bn",
    }


DIALECT = Dialect(
    name="dnl",
    source="DNL-Semantic-Segmentation, model/seg/ops/nonlocal_block.py",
    classes={"NonLocal2d_bn": _block},
    tables={DisentangledNonLocal: _names},
    ignored=("num_batches_tracked",),
)
