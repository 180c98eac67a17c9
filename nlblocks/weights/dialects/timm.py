"""timm: its attention layers.

NonLocalAttn scales by √C of its input; its kaiming start is not kept. GlobalContext starts the weight of its last layer
at zero in the branch that adds, whatever ``init_last_zero`` says.
"""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.coordinate_attention import Activation, CoordinateAttention
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.specs.gather_excite import GatherExcite
from nlblocks.specs.global_context import GlobalContext
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.non_local import NonLocal
from nlblocks.specs.selective_kernel import SelectiveKernel
from nlblocks.specs.split_attention import LEAST, SplitAttention
from nlblocks.specs.squeeze_excitation import Gate
from nlblocks.specs.strip_attention import StripAttention
from nlblocks.weights.dialects._timm_heads import HEAD_NAMES, HEADS, make_divisible
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, pointwise, refuse_unless
from nlblocks.weights.dialects.coordatt import NAMES as COORDINATES
from nlblocks.weights.dialects.resnest import check_norm, split_attention_names

GATES: dict[str, Gate] = {"sigmoid": "sigmoid", "hard_sigmoid": "hard_sigmoid", "hardsigmoid": "hard_sigmoid"}
"""The names of gate_layer, of all that timm knows, for which there is a spec."""
COORDINATE_ACTS: dict[str, Activation] = {"Hardswish": "hard_swish", "ReLU": "relu"}
"""The classes that CoordAttn's act_layer may be, by name."""


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
    return pointwise("fc", "fc", spec.in_channels)


def _strips(
    channels: int,
    use_conv: bool = True,
    kernel_size: int = 3,
    bias: bool = False,
    gate_layer: str = "sigmoid",
    has_skip: bool = False,
) -> BlockSpec:
    return StripAttention(
        in_channels=channels,
        kernel_size=kernel_size if use_conv else None,
        depthwise=use_conv,
        bias=bias and use_conv,
        norm=None,
        mix=False,
        gate=gate(gate_layer),
        output="skip" if has_skip else "scaled",
    )


def _strips_names(spec: StripAttention) -> Table:
    refuse_unless(
        "timm", spec, norm=(None,), mix=(False,), depthwise=(spec.kernel_size is not None,), output=("scaled", "skip")
    )
    c, size = spec.in_channels, spec.kernel_size or 0
    return {
        "down.weight": ("conv_h.weight", (c, 1, size, 1)), "down.bias": "conv_h.bias",
        "across.weight": ("conv_w.weight", (c, 1, 1, size)), "across.bias": "conv_w.bias",
    }  # fmt: skip


def _coordinates(
    channels: int,
    rd_ratio: float = 1 / 16,
    rd_channels: int | None = None,
    rd_divisor: int = 8,
    se_factor: float = 2 / 3,
    bias: bool = False,
    act_layer: Any = "Hardswish",
    norm_layer: Any = "BatchNorm2d",
    gate_layer: str = "sigmoid",
    has_skip: bool = False,
) -> BlockSpec:
    """A class may be given by its name."""
    act_layer, norm_layer = (getattr(layer, "__name__", layer) for layer in (act_layer, norm_layer))
    if act_layer not in COORDINATE_ACTS or norm_layer not in ("BatchNorm2d", None):
        raise InputError(
            f"dialect timm: CoordAttn: act_layer={act_layer!r}, norm_layer={norm_layer!r} is not covered; it covers "
            f"{known(COORDINATE_ACTS)} and 'BatchNorm2d' or None"
        )
    return CoordinateAttention(
        in_channels=channels,
        inter_channels=rd_channels or make_divisible(channels * rd_ratio * se_factor, rd_divisor, 0.0),
        bias=bias,
        norm=BatchNorm() if norm_layer else None,
        activation=COORDINATE_ACTS[act_layer],
        gate=gate(gate_layer),
        skip=has_skip,
    )


def _global_context(
    channels: int,
    use_attn: bool = True,
    fuse_add: bool = False,
    fuse_scale: bool = True,
    init_last_zero: bool = False,
    rd_ratio: float = 1 / 8,
    rd_channels: int | None = None,
    rd_divisor: int = 1,
    act_layer: Any = "ReLU",
    gate_layer: str = "sigmoid",
) -> BlockSpec:
    if getattr(act_layer, "__name__", act_layer) not in ("ReLU", "relu"):
        raise InputError(f"dialect timm: GlobalContext: act_layer={act_layer!r} is not covered; it covers ReLU")
    if not (fuse_add or fuse_scale):
        raise InputError("dialect timm: GlobalContext without fuse_add and fuse_scale is the identity; set one of them")
    inner = make_divisible(channels * rd_ratio, rd_divisor, limit=0.0) if rd_channels is None else rd_channels
    return GlobalContext(
        in_channels=channels,
        inter_channels=inner,
        pool="attention" if use_attn else "mean",
        fuse="both" if fuse_add and fuse_scale else "add" if fuse_add else "mul",
        gate=gate(gate_layer),
        ln_eps=1e-6,
        zero_init=not fuse_scale,
    )


def _global_context_names(spec: GlobalContext) -> Table:
    refuse_unless("timm", spec, ln_eps=(1e-6,))
    names: dict[str, Foreign] = {"mask": "conv_attn"}
    for branch, theirs in (("add", "mlp_add"), ("mul", "mlp_scale")):
        names |= pointwise(f"{branch}.fc_1", f"{theirs}.fc1", spec.in_channels)
        names |= {f"{branch}.norm": f"{theirs}.norm"}
        names |= pointwise(f"{branch}.fc_2", f"{theirs}.fc2", spec.inner)
    return names


def _split_attention(
    in_channels: int,
    out_channels: int | None = None,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    radix: int = 2,
    rd_ratio: float = 0.25,
    rd_channels: int | None = None,
    rd_divisor: int = 8,
    act_layer: Any = "ReLU",
    norm_layer: Any = None,
    drop_layer: Any = None,
    norm: bool | None = None,
) -> BlockSpec:
    """``norm`` stands for ``norm_layer``, of which it says only whether there is one."""
    if getattr(act_layer, "__name__", act_layer) != "ReLU" or drop_layer is not None:
        raise InputError("dialect timm: SplitAttn is covered with act_layer ReLU and without drop_layer")
    check_norm("timm", "SplitAttn", norm_layer)
    inner = max(LEAST, make_divisible(in_channels * radix * rd_ratio, rd_divisor))
    return SplitAttention(
        in_channels=in_channels, out_channels=out_channels, radix=radix, groups=groups, bias=bias,
        kernel_size=kernel_size, stride=stride, padding=kernel_size // 2 if padding is None else padding,
        dilation=dilation,
        inter_channels=inner if rd_channels is None else rd_channels * radix,
        norm=BatchNorm() if (norm_layer is not None if norm is None else norm) else None,
    )  # fmt: skip


def _selective(
    in_channels: int,
    out_channels: int | None = None,
    kernel_size: int | list[int] | None = None,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    rd_ratio: float = 1 / 16,
    rd_channels: int | None = None,
    rd_divisor: int = 8,
    keep_3x3: bool = True,
    split_input: bool = True,
    act_layer: Any = "ReLU",
    norm_layer: Any = "BatchNorm2d",
    aa_layer: Any = None,
    drop_layer: Any = None,
) -> BlockSpec:
    """``act_layer`` and ``norm_layer`` are classes of torch's, or their names."""
    for name, given, covered in (
        ("act_layer", act_layer, "ReLU"), ("norm_layer", norm_layer, "BatchNorm2d"),
        ("aa_layer", aa_layer, None), ("drop_layer", drop_layer, None),
    ):  # fmt: skip
        if getattr(given, "__name__", given) != covered:
            raise InputError(f"dialect timm: SelectiveKernel: {name}={given!r} is not covered; it covers {covered!r}")
    sizes = kernel_size if isinstance(kernel_size, list) else [kernel_size] * 2 if kernel_size else [3, 5]
    width = out_channels or in_channels
    spec = SelectiveKernel(
        in_channels=in_channels, out_channels=width, kernel_sizes=tuple(sizes), dilated=keep_3x3, dilation=dilation,
        stride=stride, groups=min(width, groups), split_input=split_input,
        inter_channels=rd_channels or make_divisible(width * rd_ratio, rd_divisor),
    )  # fmt: skip
    _selective_names(spec)
    return spec


def _selective_names(spec: SelectiveKernel) -> Table:
    refuse_unless("timm", spec, conv_bias=(False,), reduce_norm=(True,), fc_bias=(False,), joined=(True,))
    if spec.stride > 2:
        raise InputError(f"dialect timm: SelectiveKernel pads stride={spec.stride} by more; only 1 and 2 are covered")
    names = pointwise("fc_1", "attn.fc_reduce", spec.width) | pointwise("fc_2", "attn.fc_select", spec.inner)
    names |= {"norm": "attn.bn"}
    for index in range(spec.branches):
        names |= {f"branches.{index}.conv": f"paths.{index}.conv", f"branches.{index}.norm": f"paths.{index}.bn"}
    return names


def _gather_excite(
    channels: int, feat_size: int | None = None, extra_params: bool = False, extent: int = 0, use_mlp: bool = True,
    rd_ratio: float = 1 / 16, rd_channels: int | None = None, rd_divisor: int = 1, add_maxpool: bool = False,
    act_layer: Any = "ReLU", norm_layer: Any = "BatchNorm2d", gate_layer: str = "sigmoid",
) -> BlockSpec:  # fmt: skip
    """Any ``norm_layer`` that is something makes a BatchNorm2d. timm 1.0.31 cannot build all that 0.9.16 can."""
    if getattr(act_layer, "__name__", act_layer) not in ("ReLU", "relu"):
        raise InputError(f"dialect timm: GatherExcite: act_layer={act_layer!r} is not covered; it covers ReLU")
    return GatherExcite(
        in_channels=channels, extent=extent, mlp=use_mlp, gate=gate(gate_layer),
        gather="conv" if extra_params else "avg_max" if add_maxpool else "avg",
        feature_size=feat_size if extra_params and extent == 0 else None,
        inter_channels=(rd_channels or make_divisible(channels * rd_ratio, rd_divisor, 0.0)) if use_mlp else None,
        norm=BatchNorm() if norm_layer else None,
    )  # fmt: skip


def _gather_excite_names(spec: GatherExcite) -> Table:
    parts = [(i, part) for i in range(len(spec.kernels)) for part in ("conv", "norm")]
    return {f"gathers.{i}.{part}": f"gather.{part}{i + 1}" for i, part in parts} | {
        "fc_1": "mlp.fc1",
        "fc_2": "mlp.fc2",
    }


DIALECT = Dialect(
    name="timm",
    source="timm, layers/",
    classes={
        "NonLocalAttn": _block,
        "EffectiveSEModule": _ese,
        "CoordAttn": _coordinates,
        "StripAttn": _strips,
        "GlobalContext": _global_context,
        **HEADS,
        "SplitAttn": _split_attention,
        "SelectiveKernel": _selective,
        "GatherExcite": _gather_excite,
    },
    tables={
        NonLocal: _non_local,
        GatherExcite: _gather_excite_names,
        EffectiveSqueezeExcitation: _ese_names,
        CoordinateAttention: lambda spec: COORDINATES,
        StripAttention: _strips_names,
        GlobalContext: _global_context_names,
        SplitAttention: lambda spec: split_attention_names("timm", spec),
        SelectiveKernel: _selective_names,
        **HEAD_NAMES,
    },
    ignored=("num_batches_tracked",),
)
