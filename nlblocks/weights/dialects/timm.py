"""timm: EffectiveSEModule, and NonLocalAttn, which scales by √C of its input and whose kaiming start is not kept."""

from __future__ import annotations

from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import NonLocal
from nlblocks.specs.squeeze_excitation import Gate
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

GATES: dict[str, Gate] = {"sigmoid": "sigmoid", "hard_sigmoid": "hard_sigmoid", "hardsigmoid": "hard_sigmoid"}
"""The names of gate_layer, of all that timm knows, for which there is a spec."""


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


def gate(name: str) -> Gate:
    """The gate of a gate_layer."""
    if name not in GATES:
        raise InputError(f"dialect timm: gate_layer={name!r} is not covered; it covers {known(GATES)}")
    return GATES[name]


def _ese(channels: int, add_maxpool: bool = False, gate_layer: str = "hard_sigmoid") -> BlockSpec:
    return EffectiveSqueezeExcitation(
        in_channels=channels, pool="avg_max" if add_maxpool else "avg", gate=gate(gate_layer)
    )


def _ese_names(spec: EffectiveSqueezeExcitation) -> Table:
    return {"fc.weight": ("fc.weight", (spec.in_channels, spec.in_channels, 1, 1)), "fc.bias": "fc.bias"}


DIALECT = Dialect(
    name="timm",
    source="timm, layers/non_local_attn.py and squeeze_excite.py",
    classes={"NonLocalAttn": _block, "EffectiveSEModule": _ese},
    tables={NonLocal: _non_local, EffectiveSqueezeExcitation: _ese_names},
    ignored=("num_batches_tracked",),
)
