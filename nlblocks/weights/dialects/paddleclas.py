"""PaddleClas: the ESEModule of PP-HGNet, and the LKA and Attention of its VAN."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.specs.large_kernel_attention import LargeKernelAttention
from nlblocks.weights.dialects import van
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _ese(channels: int) -> BlockSpec:
    return EffectiveSqueezeExcitation(in_channels=channels, gate="sigmoid")


def _ese_names(spec: EffectiveSqueezeExcitation) -> Table:
    refuse_unless("paddleclas", spec, pool=("avg",), gate=("sigmoid",))
    return {"fc.weight": ("conv.weight", (spec.in_channels, spec.in_channels, 1, 1)), "fc.bias": "conv.bias"}


DIALECT = Dialect(
    name="paddleclas",
    source="PaddleClas, arch/backbone/legendary_models/pp_hgnet.py and model_zoo/van.py",
    classes={"ESEModule": _ese, "LKA": van.lka, "Attention": van.attention},
    tables={
        EffectiveSqueezeExcitation: _ese_names,
        LargeKernelAttention: lambda spec: van.lka_names("paddleclas", spec),
    },
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
