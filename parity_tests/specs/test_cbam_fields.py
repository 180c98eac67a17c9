"""SE, ECA and CBAM: widths and kernels; fields and inputs that are refused."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import (
    CBAM,
    BatchNorm,
    ChannelGate,
    EfficientChannelAttention,
    SpatialGate,
    SqueezeExcitation,
    reduce_channels,
)
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import adaptive_kernel
from parity_tests.helpers.blocks import BACKENDS

BIASED = BatchNorm(eps=1e-3, momentum=0.25, variance="biased")
SE, ECA = SqueezeExcitation, EfficientChannelAttention

# Widths and kernels, from the public codebases.


@pytest.mark.parametrize(
    ("channels", "kernel"),
    [(1, 1), (2, 1), (7, 1), (8, 3), (54, 3), (64, 3), (127, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)],
)
def test_adaptive_kernel(channels: int, kernel: int) -> None:
    assert adaptive_kernel(channels, 2, 1) == kernel
    assert ECA(in_channels=channels).kernel == ChannelGate(in_channels=channels, mode="conv").kernel == kernel


def test_adaptive_kernel_by_gamma_and_b() -> None:
    assert adaptive_kernel(6, 1, 2) == 5  # 4.58 → 4, even → 5
    assert adaptive_kernel(64, 1, 1) == 7
    assert adaptive_kernel(4, 2, -8) == 3  # |-3|
    assert ECA(in_channels=64, gamma=1, b=1, kernel_size=9).kernel == 9


@pytest.mark.parametrize(
    ("channels", "ratio", "divisor", "inner"),
    [(54, 9, 1, 6), (8, 16, 1, 1), (256, 16, 8, 16), (200, 16, 8, 16), (20, 4, 8, 8), (8, 16, 8, 8), (184, 4, 8, 48)],
)
def test_inner_width(channels: int, ratio: int, divisor: int, inner: int) -> None:
    assert reduce_channels(channels, ratio, divisor=divisor) == inner
    assert SE(in_channels=channels, ratio=ratio, divisor=divisor).inner == inner
    assert SE(in_channels=channels, ratio=ratio, divisor=divisor, inter_channels=3).inner == 3


def test_cbam_is_its_two_gates() -> None:
    spec = CBAM(
        in_channels=8, mode="conv", channel_kernel_size=5, spatial_kernel_size=3, order=("mean", "max"),
        norm=BIASED, spatial_bias=True,
    )  # fmt: skip
    assert spec.channel == ChannelGate(in_channels=8, mode="conv", kernel_size=5)
    assert spec.spatial == SpatialGate(kernel_size=3, order=("mean", "max"), norm=BIASED, bias=True)
    assert [param.name for param in spec.params()] == [
        "channel.conv.weight", "spatial.conv.weight", "spatial.conv.bias", "spatial.norm.weight", "spatial.norm.bias",
        "spatial.norm.running_mean", "spatial.norm.running_var",
    ]  # fmt: skip
    assert spec.macs((2, 8, 4, 3)) == 2 * (2 * 8 * 5) + 2 * 12 * 2 * 9


# Refused fields and inputs.

REFUSED: list[tuple[type[BlockSpec], dict[str, Any], str]] = [
    (SE, {"in_channels": 0}, "in_channels=0 must be at least 1"),
    (SE, {"in_channels": 8, "ratio": 0}, "ratio=0 must be at least 1"),
    (SE, {"in_channels": 8, "ratio": 2.0}, "ratio=2.0 must be an int"),
    (SE, {"in_channels": 8, "inter_channels": 0}, "inter_channels=0 must be at least 1"),
    (SE, {"in_channels": 8, "divisor": True}, "divisor=True must be an int"),
    (SE, {"in_channels": 8, "pool": "mean"}, "pool='mean' must be one of 'avg', 'max'"),
    (SE, {"in_channels": 8, "bias": 1}, "bias=1 must be True or False"),
    (SE, {"in_channels": 8, "gate": "relu"}, "gate='relu' must be one of 'sigmoid', 'hard_sigmoid'"),
    (SE, {"in_channels": 8, "slope": 0}, "slope=0 must be a number in"),
    (SE, {"in_channels": 8, "slope": float("nan")}, "slope=nan must be a number in"),
    (ECA, {"in_channels": 8, "gamma": 0}, "gamma=0 must be a number in"),
    (ECA, {"in_channels": 8, "b": float("inf")}, "b=inf must be a number in"),
    (ECA, {"in_channels": 8, "kernel_size": 4}, "kernel_size=4 must be odd"),
    (ECA, {"in_channels": 8, "padding_mode": "reflect"}, "padding_mode='reflect' must be one of 'zeros', 'circular'"),
    (ECA, {"in_channels": 2, "kernel_size": 7, "padding_mode": "circular"}, "kernel_size=7 gives 7 taps"),
    (ECA, {"in_channels": 1, "b": 9, "padding_mode": "circular"}, "kernel_size=None gives 5 taps"),
    (ChannelGate, {"in_channels": 8, "mode": "mlp"}, "mode='mlp' must be one of 'fc', 'conv'"),
    (ChannelGate, {"in_channels": 8, "kernel_size": 3}, "kernel_size=3 has no place in mode 'fc'"),
    (ChannelGate, {"in_channels": 8, "mode": "conv", "inter_channels": 2}, "inter_channels=2 has no place in mode"),
    (ChannelGate, {"in_channels": 8, "mode": "conv", "kernel_size": 2}, "kernel_size=2 must be odd"),
    (ChannelGate, {"in_channels": 8, "mlp_bias": None}, "mlp_bias=None must be True or False"),
    (SpatialGate, {"kernel_size": 4}, "kernel_size=4 must be odd"),
    (SpatialGate, {"kernel_size": -1}, "kernel_size=-1 must be at least 1"),
    (SpatialGate, {"order": ("max", "max")}, "order=('max', 'max') must be one of ('max', 'mean'), ('mean', 'max')"),
    (SpatialGate, {"norm": True}, "norm=True must be a BatchNorm or None"),
    (SpatialGate, {"bias": "no"}, "bias='no' must be True or False"),
    (CBAM, {"in_channels": 8, "channel_kernel_size": 3}, "channel_kernel_size=3 has no place in mode 'fc'"),
    (CBAM, {"in_channels": 8, "spatial_kernel_size": 2}, "spatial_kernel_size=2 must be odd"),
    (CBAM, {"in_channels": 8, "spatial_bias": 0}, "spatial_bias=0 must be True or False"),
    (CBAM, {"in_channels": -8}, "in_channels=-8 must be at least 1"),
]


@pytest.mark.parametrize(("cls", "fields", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_impossible_fields_are_refused_by_name(cls: type[BlockSpec], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        cls(**fields)
    assert str(caught.value).startswith(f"{cls.__name__}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        (SE(in_channels=4), (2, 5, 3, 3), "has 5 channels; it must have 4"),
        (ECA(in_channels=4), (2, 4, 3), "has 3 axes; it must have 4"),
        (ChannelGate(in_channels=4), (2, 4, 0, 3), "they must be at least"),
        (SpatialGate(), (2, 0, 3, 3), "has 0 channels; it must have at least 1"),
        (SpatialGate(), (3, 3), "has 2 axes; it must have 4"),
        (CBAM(in_channels=4), (2, 1, 3, 3), "CBAM: input of shape (2, 1, 3, 3) has 1 channels"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_inputs_that_do_not_fit_are_refused(
    spec: BlockSpec, shape: tuple[int, ...], message: str, backend: str, require: Any
) -> None:
    require(backend)
    block = nlblocks.build(spec, backend=backend, dtype="float64")
    tensor = np.zeros(shape)
    native = tensor if backend == "reference" else importlib.import_module(backend).zeros(list(shape))
    for call in (lambda: block(native), lambda: nlblocks.run(block, tensor)):
        with pytest.raises(InputError) as caught:
            call()
        assert message in str(caught.value)
