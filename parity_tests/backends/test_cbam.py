"""SE, ECA and CBAM: every combination of options, ties by hand, planted faults, small sizes and refused fields."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.proof import sample
from nlblocks.specs import (
    CBAM,
    BatchNorm,
    ChannelGate,
    EfficientChannelAttention,
    SpatialGate,
    SqueezeExcitation,
)
from nlblocks.specs.base import BlockSpec, describe
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require, built

BIASED = BatchNorm(eps=1e-3, momentum=0.25, variance="biased")
SE, ECA = SqueezeExcitation, EfficientChannelAttention

WIDTHS: list[dict[str, Any]] = [{"ratio": 2}, {"inter_channels": 3}, {"ratio": 3, "divisor": 4}]
GATES: list[dict[str, Any]] = [{"gate": "sigmoid"}, {"gate": "hard_sigmoid", "slope": 0.2}]
TWO_ORDERS = (("max", "mean"), ("mean", "max"))

OPTIONS: list[BlockSpec] = [
    *(
        SE(in_channels=7, pool=pool, bias=bias, **width, **gate)
        for pool, bias, width, gate in product(("avg", "max"), (True, False), WIDTHS, GATES)
    ),
    *(ECA(in_channels=5, kernel_size=k, padding_mode=pad) for k, pad in product((1, 3, 7), ("zeros", "circular"))),
    *(ECA(in_channels=9, gamma=gamma, b=b) for gamma, b in ((2, 1), (1, 2), (1.5, -4))),
    *(ChannelGate(in_channels=7, ratio=ratio, mlp_bias=bias) for ratio, bias in product((2, 7), (True, False))),
    *(ChannelGate(in_channels=9, mode="conv", kernel_size=k) for k in (None, 1, 5)),
    *(
        SpatialGate(kernel_size=k, order=order, norm=norm, bias=bias)
        for k, order, norm, bias in product((3, 5, 7), TWO_ORDERS, (None, BIASED), (True, False))
    ),
    *(
        CBAM(
            in_channels=5, ratio=2, mode=mode, mlp_bias=mlp_bias, order=order, norm=norm,
            spatial_kernel_size=3, spatial_bias=spatial_bias,
        )
        for mode, order, norm, (mlp_bias, spatial_bias) in product(
            ("fc", "conv"), TWO_ORDERS, (None, BIASED), ((True, False), (False, True))
        )
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _both(require: Require) -> None:
    require("torch", "paddle")


@pytest.mark.parametrize("spec", OPTIONS, ids=describe)
def test_every_combination_of_options_agrees(spec: BlockSpec) -> None:
    batch, channels, *_ = spec.example_shape()
    assert nlblocks.verify(spec, seed=7, input_shape=(batch, channels, 3, 4))


SMALL = [
    SE(in_channels=1, pool="max", gate="hard_sigmoid"),
    ECA(in_channels=1, kernel_size=3, padding_mode="circular"),
    ChannelGate(in_channels=1),
    ChannelGate(in_channels=1, mode="conv"),
    SpatialGate(kernel_size=7, norm=None, bias=True),
    SpatialGate(kernel_size=3),
    CBAM(in_channels=1),
    CBAM(in_channels=1, mode="conv", norm=None),
]


@pytest.mark.parametrize("size", [(1, 1), (5, 1)], ids=str)
@pytest.mark.parametrize("spec", SMALL, ids=describe)
def test_one_channel_and_one_position_agree(spec: BlockSpec, size: tuple[int, int]) -> None:
    assert nlblocks.verify(spec, input_shape=(3, 1, *size))


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_value_cannot_be_normalised_in_training(backend: str) -> None:
    block = nlblocks.build(CBAM(in_channels=3), backend=backend, dtype="float64")
    x = np.ones((1, 3, 1, 1))
    assert nlblocks.run(block, x).output.shape == x.shape
    with pytest.raises(InputError, match="give at least 2"):
        nlblocks.run(block, x, training=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("spec", SMALL, ids=describe)
def test_an_empty_batch_stays_empty(spec: BlockSpec, backend: str) -> None:
    block = nlblocks.build(spec, backend=backend, dtype="float64")
    assert nlblocks.run(block, np.zeros((0, 1, 4, 3))).output.shape == (0, 1, 4, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "spec", [SE(in_channels=6), ECA(in_channels=6), ChannelGate(in_channels=6), SpatialGate(), CBAM(in_channels=6)],
    ids=describe,
)  # fmt: skip
def test_the_maps_are_the_gates(spec: BlockSpec, backend: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3))
    found = nlblocks.run(nlblocks.build(spec, backend=backend, dtype="float64"), x, return_attention=True)
    maps: Any = found.attention if isinstance(found.attention, dict) else {"attention": found.attention}
    assert {key: value.shape for key, value in maps.items()} == spec.attention_shapes(x.shape)
    expected = x
    for gate in maps.values():
        assert ((gate > 0) & (gate < 1)).all()
        expected = expected * (gate[:, :, None, None] if gate.ndim == 2 else gate[:, None])
    np.testing.assert_array_equal(found.output, expected)


# Ties. In each case the gate is σ(0) = 1/2 everywhere, so that its slope is 1/4 and all numbers are exact. The gradient
# is G/2 through x · gate, plus 1/4 · Σ G·x (over the gated values) · weight at the FIRST of the equal maxima. Splitting
# the gradient among the equal values, as amax and paddle.max do, gives other numbers in every case.
TIES: dict[str, tuple[BlockSpec, dict[str, Any], Any, Any, Any]] = {
    # Σ G·x = 20, so 5 go to the first 4.
    "se": (
        SE(in_channels=1, inter_channels=1, pool="max", bias=True),
        {"fc_1.weight": [[1]], "fc_1.bias": [0], "fc_2.weight": [[1]], "fc_2.bias": [-4]},
        [[[0, 4], [4, 0]]],
        [[[1, 2], [3, 4]]],
        [[[0.5, 1 + 5], [1.5, 2]]],
    ),
    # A channel of zeros: all its positions are equal. Only channel 1 has a gate that moves: Σ G·x = 2, so 1/2 goes to
    # the hidden unit and from there to the first position of both channels.
    "se, zero channel": (
        SE(in_channels=2, inter_channels=1, pool="max", bias=True),
        {"fc_1.weight": [[1, 1]], "fc_1.bias": [0], "fc_2.weight": [[0], [1]], "fc_2.bias": [0, -2]},
        [[[0, 0, 0]], [[2, 0, 0]]],
        [[[1, 1, 1]], [[1, 1, 1]]],
        [[[0.5 + 0.5, 0.5, 0.5]], [[0.5 + 0.5, 0.5, 0.5]]],
    ),
    # σ(max + mean - 6): Σ G·x = 12, so 3 go to the first 4 and 3/4 to each position.
    "channel gate, fc": (
        ChannelGate(in_channels=1, inter_channels=1),
        {"fc_1.weight": [[1]], "fc_1.bias": [0], "fc_2.weight": [[1]], "fc_2.bias": [-3]},
        [[[4, 4], [0, 0]]],
        [[[1, 2], [3, 4]]],
        [[[0.5 + 3.75, 1 + 0.75], [1.5 + 0.75, 2 + 0.75]]],
    ),
    # Each channel is gated by the pools of the one before it; before channel 0 is the padding. Channel 1 sees the zeros
    # of channel 0: 1/4 · Σ G·x = 1 goes to channel 0, by the maximum to its first position, by the mean half to each.
    "channel gate, conv": (
        ChannelGate(in_channels=2, mode="conv", kernel_size=3),
        {"conv.weight": [[[1, 0, 0]]]},
        [[[0, 0]], [[2, 2]]],
        [[[1, 1]], [[1, 1]]],
        [[[0.5 + 1 + 0.5, 0.5 + 0.5]], [[0.5, 0.5]]],
    ),
    # σ(max - 3/2 mean) at one position with channels 2, 2, 0: Σ G·x = 8, so 2 · (first - 1/2).
    "spatial gate": (
        SpatialGate(kernel_size=1, norm=None),
        {"conv.weight": [[[[1]], [[-1.5]]]]},
        [[[2]], [[2]], [[0]]],
        [[[1]], [[3]], [[5]]],
        [[[0.5 + 1]], [[1.5 - 1]], [[2.5 - 1]]],
    ),
    # The gate of position 1 reads the maximum of position 0, whose channels are both zero: 1/4 · Σ G·x = 1 goes to its
    # first channel.
    "spatial gate, zero position": (
        SpatialGate(kernel_size=3, norm=None),
        {"conv.weight": [[[[0, 0, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 0]]]]},
        [[[0, 2]], [[0, 2]]],
        [[[1, 1]], [[1, 1]]],
        [[[0.5 + 1, 0.5]], [[0.5, 0.5]]],
    ),
}


def tied_gradient(case: str, backend: str) -> tuple[Any, Any]:
    spec, state, x, grad_output, expected = TIES[case]
    block = nlblocks.build(spec, backend=backend, dtype="float64")
    nlblocks.load_state(block, {key: np.array(value, dtype=float) for key, value in state.items()})
    run = nlblocks.run(block, np.array([x], dtype=float), grad_output=np.array([grad_output], dtype=float))
    return run.grad_input, np.array([expected], dtype=float)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("case", TIES)
def test_the_first_of_equal_values_gets_the_gradient(case: str, backend: str) -> None:
    np.testing.assert_array_equal(*tied_gradient(case, backend))


def split_maximum(backend: str) -> Callable[[Any, int], Any]:
    """A maximum whose gradient is shared by equal values."""
    return (lambda x, axis: x.amax(dim=axis)) if backend == "torch" else (lambda x, axis: x.max(axis))


def plant(monkeypatch: pytest.MonkeyPatch, backend: str, file: str, function: str, fault: Any) -> None:
    monkeypatch.setattr(importlib.import_module(f"nlblocks_{backend}.{file}"), function, fault)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("case", TIES)
def test_the_hand_computed_gradients_tell_a_split_one(case: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, backend, file_of(TIES[case][0]), "maximum", split_maximum(backend))
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(*tied_gradient(case, backend))


def file_of(spec: BlockSpec) -> str:
    return type(spec).__module__.rpartition(".")[2]


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize(
    ("spec", "file"),
    [
        (SE(in_channels=6, ratio=2, pool="max"), "squeeze_excitation"),
        (ChannelGate(in_channels=6, ratio=2), "channel_gate"),
        (ChannelGate(in_channels=6, mode="conv"), "channel_gate"),
        (SpatialGate(kernel_size=3), "spatial_gate"),
        (CBAM(in_channels=6, ratio=2), "channel_gate"),
        (CBAM(in_channels=6, mode="conv", norm=None), "spatial_gate"),
    ],
    ids=lambda value: value if isinstance(value, str) else describe(value),
)
def test_verify_catches_a_split_maximum_on_tied_inputs(
    spec: BlockSpec, file: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, backend, file, "maximum", split_maximum(backend))
    report = nlblocks.verify(spec)
    assert not report
    assert {(check.inputs, check.group) for check in report.failures} >= {("tied", "grad_input")}
    # On distinct values the two rules are one: only the ties can tell.
    assert {check.inputs for check in report.failures} == {"tied"}


def test_the_last_of_equal_values_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "torch", "spatial_gate", "maximum", lambda x, axis: x.flip(axis).max(dim=axis).values)
    assert {check.inputs for check in nlblocks.verify(SpatialGate(kernel_size=3)).failures} == {"tied"}


@pytest.mark.parametrize("backend", NATIVE)
def test_verify_catches_a_slope_held_in_float32(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SE(in_channels=6, ratio=2, gate="hard_sigmoid", slope=0.2)
    layers = importlib.import_module(f"nlblocks_{backend}.layers")
    exact = layers.hard_sigmoid
    plant(monkeypatch, backend, "squeeze_excitation", "hard_sigmoid", lambda x, s: exact(x, float(np.float32(s))))
    report = nlblocks.verify(spec)
    assert not report
    assert {check.dtype for check in report.failures} == {"float64"}


@pytest.mark.parametrize("backend", NATIVE)
def test_verify_catches_circular_padding_for_zeros(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = importlib.import_module(f"nlblocks_{backend}.layers")
    for file, spec in (
        ("efficient_channel_attention", ECA(in_channels=6, kernel_size=3)),
        ("channel_gate", ChannelGate(in_channels=6, mode="conv", kernel_size=3)),
    ):
        plant(monkeypatch, backend, file, "ChannelConv", lambda kernel, **_: layers.ChannelConv(kernel, circular=True))
        assert nlblocks.verify(spec).failures[0].group == "output"


def test_the_order_of_concatenation_is_a_different_function() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    first, second = (
        nlblocks.run(nlblocks.build(SpatialGate(order=order), backend="reference", seed=3, dtype="float64"), x).output
        for order in TWO_ORDERS
    )
    assert np.abs(first - second).max() > 1e-2


def test_a_hard_sigmoid_that_saturates_agrees() -> None:
    spec = SE(in_channels=8, ratio=2, gate="hard_sigmoid", slope=4.0, bias=True)
    assert nlblocks.verify(spec)
    block = nlblocks.build(spec, backend="reference", seed=1, dtype="float64")
    x = 9 * np.random.default_rng(0).normal(size=(2, 8, 2, 2))
    gate = nlblocks.run(block, x, return_attention=True).attention
    assert isinstance(gate, np.ndarray)
    assert (gate == 0).any()
    assert (gate == 1).any()


@pytest.mark.parametrize("backend", NATIVE)
def test_a_hard_sigmoid_has_no_gradient_where_it_reaches_0_or_1(backend: str) -> None:
    """fc_1 and fc_2 hand on x ≥ 0, shifted by -2: the gate is 1/4 · (x - 2) + 1/2 = x/4, 0 at x = 0 and 1 at x = 4."""
    spec = SE(in_channels=1, inter_channels=1, gate="hard_sigmoid", slope=0.25, bias=True)
    block = nlblocks.build(spec, backend=backend, dtype="float64")
    weights = {"fc_1.weight": [[1.0]], "fc_1.bias": [1.0], "fc_2.weight": [[1.0]], "fc_2.bias": [-3.0]}
    nlblocks.load_state(block, {key: np.array(value) for key, value in weights.items()})
    x = np.array([0.0, 2.0, 4.0, 6.0]).reshape(4, 1, 1, 1)
    run = nlblocks.run(block, x, grad_output=np.ones_like(x))
    assert run.output.ravel().tolist() == [0.0, 1.0, 4.0, 6.0]
    assert run.grad_input is not None
    assert run.grad_input.ravel().tolist() == [0.0, 0.5 + 2 / 4, 1.0, 1.0]


@pytest.mark.parametrize("spec", [
    SE(in_channels=32), SE(in_channels=32, pool="max"), ECA(in_channels=32), CBAM(in_channels=32),
    CBAM(in_channels=32, mode="conv"),
], ids=describe)  # fmt: skip
@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_changes_no_bit(spec: BlockSpec, backend: str, dtype: Any, require: Require) -> None:
    """torch's mean and maximum run another operator where there is a gradient: the output is the same bits."""
    require(backend)
    module = built(spec, backend, dtype)
    x = sample.random_array((2, 32, 7, 9), 0, "x")
    tracked = nlblocks.run(module, x, grad_output=np.ones_like(x)).output
    assert nlblocks.run(module, x).output.tobytes() == tracked.tobytes()
