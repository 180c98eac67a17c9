"""The layers that blocks are made of, as specs: their parameters, initialisation and one BatchNorm definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Init, Param, Spec, register
from nlblocks.specs.check import check_choice, check_number

Variance = Literal["unbiased", "biased"]
ZEROS, ONES = Init.constant(0.0), Init.constant(1.0)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Spec):
    """Batch normalisation over every axis but channels, with one definition for all backends.

    y = (x - mean) / √(var + eps) · weight + bias. Training takes mean and *biased* variance from the batch and
    moves the running statistics by running ← (1 - momentum) · running + momentum · batch, where the batch
    variance is ``variance``: "unbiased" (÷ (n-1), what torch's layer does) or "biased" (÷ n, what Paddle's does).
    Training needs n ≥ 2 values a channel.

    ``eps`` and ``momentum`` are held in float64 and met exactly. Paddle's own layer holds both as float32: a dialect
    for code written in Paddle gives the rounded numbers.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2.
    """

    kind: ClassVar[str] = "batch_norm"

    eps: Annotated[float, "added to the variance"] = 1e-5
    momentum: Annotated[float, "weight of the new statistics"] = 0.1
    variance: Annotated[Variance, "which batch variance the running one keeps: unbiased or biased"] = "unbiased"

    def validate(self) -> None:
        check_number(self, "eps", low=0.0, exclusive="low")
        check_number(self, "momentum", low=0.0, high=1.0)
        check_choice(self, "variance", get_args(Variance))


def check_batch(channels: int, shape: Sequence[int]) -> None:
    """Raise InputError where batch statistics of [B, channels, ...] would come from fewer than 2 values.

    A negative extent is unknown, and passes.
    """
    count = math.prod(shape) // max(channels, 1)
    if min(shape) >= 0 and count < 2:
        raise InputError(
            f"BatchNorm: training on shape {tuple(shape)} has {count} value a channel; "
            "give at least 2, or put the module in eval mode"
        )


@dataclass(frozen=True, slots=True)
class LayerInit:
    """How a conv or linear layer starts. ``bias`` None draws U(±1/√fan-in of the weight)."""

    weight: Init
    bias: Init | None


TORCH = LayerInit(Init.uniform(1.0, "in"), None)
"""torch's default for Conv and Linear: U(±1/√fan_in), weight and bias."""
PADDLE_CONV = LayerInit(Init.normal(math.sqrt(2.0), "in"), ZEROS)
"""Paddle's default for Conv: N(0, 2/fan_in), bias 0."""
PADDLE_LINEAR = LayerInit(Init.uniform(math.sqrt(3.0), "mean"), ZEROS)
"""Paddle's default for Linear: Xavier uniform, bias 0."""
ZERO = LayerInit(ZEROS, ZEROS)

GAMMA = Param("gamma", (1,), ZEROS)
"""The learned scalar that admits an attention branch: it starts at 0, where the block is the identity."""


def reduce_channels(channels: int, ratio: int = 2, *, at_least: int = 1, divisor: int = 1) -> int:
    """The one rule of channel reduction: channels // ratio, rounded to ``divisor``, at least ``at_least``.

    Rounding is to the nearest multiple, halves up, and never below one multiple.
    """
    inner = channels // ratio
    if divisor > 1:
        inner = max(divisor, (inner + divisor // 2) // divisor * divisor)
    return max(at_least, inner)


def head_names(heads: int) -> tuple[str, ...]:
    """What the maps of the heads are called, in order: a single one is "attention"."""
    return ("attention",) if heads == 1 else tuple(f"head_{number}" for number in range(1, heads + 1))


def adaptive_kernel(channels: int, gamma: float, b: float) -> int:
    """ECA's kernel over ``channels`` channels: ⌊|(log₂ channels + b) / gamma|⌋, one more where that is even."""
    size = int(abs((math.log2(channels) + b) / gamma))
    return size + 1 - size % 2


def conv(
    name: str,
    in_channels: int,
    out_channels: int,
    kernel: Sequence[int],
    *,
    bias: bool = True,
    groups: int = 1,
    init: LayerInit = TORCH,
) -> tuple[Param, ...]:
    """``name.weight`` [out, in/groups, *kernel] and, with bias, ``name.bias`` [out]."""
    weight = Param(f"{name}.weight", (out_channels, in_channels // groups, *kernel), init.weight, layout="conv")
    return _with_bias(name, weight, bias, init)


def linear(
    name: str, in_features: int, out_features: int, *, bias: bool = True, init: LayerInit = TORCH
) -> tuple[Param, ...]:
    """``name.weight`` [out, in] and, with bias, ``name.bias`` [out]."""
    weight = Param(f"{name}.weight", (out_features, in_features), init.weight, layout="linear")
    return _with_bias(name, weight, bias, init)


def batch_norm(name: str, channels: int, *, gamma: float = 1.0) -> tuple[Param, ...]:
    """``name.weight``, ``.bias``, ``.running_mean``, ``.running_var``, each [channels]; weight starts at ``gamma``."""
    shape = (channels,)
    return (
        Param(f"{name}.weight", shape, Init.constant(gamma)),
        Param(f"{name}.bias", shape, ZEROS),
        Param(f"{name}.running_mean", shape, ZEROS, trainable=False),
        Param(f"{name}.running_var", shape, ONES, trainable=False, layout="variance"),
    )


def scale_shift(name: str, channels: int, *, gamma: float = 1.0) -> tuple[Param, ...]:
    """``name.weight`` and ``name.bias``, each [channels], of a group or layer norm; weight starts at ``gamma``."""
    return Param(f"{name}.weight", (channels,), Init.constant(gamma)), Param(f"{name}.bias", (channels,), ZEROS)


def conv_norm(
    name: str, in_channels: int, out_channels: int, kernel: Sequence[int], *, bias: bool = False, groups: int = 1
) -> tuple[Param, ...]:
    """``name.conv``, a convolution, and ``name.norm``, the BatchNorm after it."""
    norm = batch_norm(f"{name}.norm", out_channels)
    return conv(f"{name}.conv", in_channels, out_channels, kernel, bias=bias, groups=groups) + norm


def nested(name: str, spec: BlockSpec) -> tuple[Param, ...]:
    """The parameters of a block inside a block."""
    return tuple(param.prefixed(name) for param in spec.params())


def _with_bias(name: str, weight: Param, bias: bool, init: LayerInit) -> tuple[Param, ...]:
    if not bias:
        return (weight,)
    start = Init.uniform(1.0 / math.sqrt(weight.fans[0])) if init.bias is None else init.bias
    return weight, Param(f"{name}.bias", weight.shape[:1], start)
