"""Specs: validation, JSON, channel reduction, initialisation. No framework is needed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import BatchNorm, ChannelAffinity, DigitNet, NonLocal, reduce_channels
from nlblocks.specs.layers import check_batch


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"in_channels": 0}, "NonLocal: in_channels=0 must be at least 1"),
        ({"in_channels": True}, "NonLocal: in_channels=True must be an int of at least 1"),
        ({"in_channels": 4.0}, "NonLocal: in_channels=4.0 must be an int of at least 1"),
        ({"in_channels": 4, "inter_channels": 0}, "NonLocal: inter_channels=0 must be at least 1"),
        ({"in_channels": 4, "dims": 4}, "NonLocal: dims=4 must be one of 1, 2, 3"),
        ({"in_channels": 4, "dims": True}, "NonLocal: dims=True must be one of 1, 2, 3"),
        (
            {"in_channels": 4, "mode": "dot"},
            "NonLocal: mode='dot' must be one of 'embedded_gaussian', 'gaussian', 'dot_product', 'concatenation'",
        ),
        ({"in_channels": 4, "norm": "batch"}, "NonLocal: norm='batch' must be a BatchNorm or None"),
        ({"in_channels": 10**400}, f"NonLocal: in_channels={10**400} must be at most 2147483647"),
        ({"in_channels": 4, "zero_init": 1}, "NonLocal: zero_init=1 must be True or False"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_what_would_do(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        NonLocal(**fields)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "fields",
    [{"eps": 0.0}, {"eps": -1e-5}, {"eps": float("nan")}, {"eps": 10**400}, {"momentum": 1.5}, {"variance": "sample"}],
)
def test_batch_norm_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"BatchNorm: {next(iter(fields))}="):
        BatchNorm(**fields)


def test_specs_are_frozen_and_replace_validates_again() -> None:
    spec = NonLocal(in_channels=4)
    with pytest.raises(FrozenInstanceError):
        spec.in_channels = 5  # type: ignore[misc]
    with pytest.raises(InputError, match="mode="):
        replace(spec, mode="none")
    assert hash(spec) == hash(NonLocal(in_channels=4))


def test_gaussian_channel_affinity_has_no_bottleneck() -> None:
    assert ChannelAffinity(in_channels=8, mode="gaussian").inner == 8
    with pytest.raises(InputError, match="inter_channels=4 must be in_channels=8"):
        ChannelAffinity(in_channels=8, mode="gaussian", inter_channels=4)


def test_json_is_strict() -> None:
    data = NonLocal(in_channels=4).to_dict()
    assert data["kind"] == "non_local"
    assert data["norm"] == {"kind": "batch_norm", "schema": 1, "eps": 1e-5, "momentum": 0.1, "variance": "unbiased"}
    for change, message in (
        ({"chanels": 4}, "unknown option 'chanels'; it knows 'in_channels', 'inter_channels'"),
        ({"schema": 2}, "schema=2 cannot be read"),
        ({"schema": True}, "schema=True cannot be read"),
        ({"kind": ["non_local"]}, "is unknown; it must be one of"),
        ({"kind": "nonlocal"}, "kind='nonlocal' is unknown; it must be one of"),
    ):
        with pytest.raises(InputError, match=message):
            nlblocks.spec_from_dict({**data, **change})
    with pytest.raises(InputError, match="'in_channels' is missing"):
        nlblocks.spec_from_dict({"kind": "non_local"})
    with pytest.raises(InputError, match="needs a 'kind'"):
        nlblocks.spec_from_dict({})
    with pytest.raises(InputError, match="is another spec; it must be 'digit_net'"):
        DigitNet.from_dict(data)


def test_reduce_channels() -> None:
    assert [reduce_channels(c) for c in (1, 2, 3, 64)] == [1, 1, 1, 32]
    assert reduce_channels(64, 8) == 8
    assert reduce_channels(4, 8) == 1
    assert reduce_channels(100, 8, divisor=8) == 16  # 12.5 → 12 → nearest multiple, halves up
    assert reduce_channels(8, 8, divisor=8) == 8
    assert reduce_channels(8, 16, at_least=4) == 4


def test_shapes() -> None:
    spec = NonLocal(in_channels=4, dims=3, sub_sample="after")
    assert spec.output_shape((2, 4, 3, 5, 7)) == (2, 4, 3, 5, 7)
    assert spec.attention_shapes((2, 4, 3, 5, 7)) == {"attention": (2, 105, 3 * 2 * 3)}
    for shape, message in (
        ((2, 4, 5, 7), "has 4 axes; it must have 5"),
        ((2, 3, 3, 5, 7), "has 3 channels; it must have 4"),
        ((2, 4, 3, 1, 7), r"extents \(3, 1, 7\); they must be at least \(1, 2, 2\)"),
    ):
        with pytest.raises(InputError, match=message):
            spec.output_shape(shape)
    assert DigitNet().attention_shapes((1, 1, 28, 28)) == {"nl_1": (1, 196, 49), "nl_2": (1, 49, 9)}
    with pytest.raises(InputError, match=r"extents \(32, 32\); they must be \(28, 28\)"):
        DigitNet().output_shape((1, 1, 32, 32))


def test_batch_statistics_need_two_values() -> None:
    check_batch(4, (1, 4, 2))
    check_batch(4, (-1, 4, 1))  # unknown batch
    with pytest.raises(InputError, match="1 value a channel; give at least 2, or put the module in eval mode"):
        check_batch(4, (1, 4, 1, 1))
