"""The classes of the article about SE, ECA and CBAM, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.specs import CBAM, ChannelGate, EfficientChannelAttention, SpatialGate, SqueezeExcitation
from nlblocks.specs.base import BlockSpec, describe

SE, ECA = SqueezeExcitation, EfficientChannelAttention
ARTICLE = nlblocks.dialects.get("cbam_article")
CALL = {"spatial_attention_kernel_size": 3}


@pytest.mark.parametrize(
    ("cls", "kwargs", "spec"),
    [
        ("SEBlock", {"mode": "max", "channels": 8, "ratio": 4}, SE(in_channels=8, ratio=4, pool="max")),
        ("ECABlock", {"channels": 54}, ECA(in_channels=54)),
        ("ECABlock", {"channels": 54, "gamma": 1, "b": 3}, ECA(in_channels=54, gamma=1, b=3)),
        ("Channel_Attention_Module_FC", {"channels": 8, "ratio": 4},
         ChannelGate(in_channels=8, ratio=4, mlp_bias=False)),
        ("Channel_Attention_Module_Conv", {"channels": 8}, ChannelGate(in_channels=8, mode="conv")),
        ("Spatial_Attention_Module", {"k": 7}, SpatialGate(norm=None)),
        ("CBAMBlock",
         {"channel_attention_mode": "FC", "spatial_attention_kernel_size": 3, "channels": 8, "ratio": 2},
         CBAM(in_channels=8, ratio=2, mlp_bias=False, spatial_kernel_size=3, norm=None)),
        ("CBAMBlock",
         {"channel_attention_mode": "Conv", "spatial_attention_kernel_size": 7, "channels": 8, "gamma": 1, "b": 2},
         CBAM(in_channels=8, mode="conv", gamma=1, b=2, norm=None)),
    ],
)  # fmt: skip
def test_the_article_both_ways(cls: str, kwargs: dict[str, Any], spec: BlockSpec) -> None:
    assert ARTICLE.spec(cls, **kwargs) == spec
    state = nlblocks.state_of(nlblocks.build(spec, backend="reference", seed=2, dtype="float64"))
    foreign = ARTICLE.from_canonical(spec, state)
    back = ARTICLE.to_canonical(spec, foreign)
    assert len(foreign) == len(back) == len(state)
    for key, value in state.items():
        np.testing.assert_array_equal(back[key], value)


@pytest.mark.parametrize(
    ("cls", "kwargs", "message"),
    [
        ("SEBlock", {"mode": "sum", "channels": 8, "ratio": 4}, "pool='sum'"),
        ("Spatial_Attention_Module", {"k": 9}, "k=9 must be one of"),
        ("CBAMBlock", CALL | {"channel_attention_mode": "fc"}, "must be 'FC' or 'Conv'"),
        ("CBAMBlock", CALL | {"channel_attention_mode": "FC", "channels": 8}, "needs ratio"),
        ("CBAMBlock", CALL | {"channel_attention_mode": "Conv"}, "needs channels, gamma, b"),
        ("ECABlock", {"channels": 8, "k": 3}, "is unexpected"),
        ("CBAM", {"channels": 8}, "class 'CBAM' is not covered"),
    ],
)  # fmt: skip
def test_the_article_refuses_calls_that_it_cannot_make(cls: str, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ARTICLE.spec(cls, **kwargs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SE(in_channels=8, bias=True), "bias=True"),
        (SE(in_channels=8, gate="hard_sigmoid"), "gate='hard_sigmoid'"),
        (ECA(in_channels=8, padding_mode="circular"), "padding_mode='circular'"),
        (ChannelGate(in_channels=8), "mlp_bias=True"),
        (SpatialGate(), "norm="),
        (SpatialGate(norm=None, bias=True), "bias=True"),
        (SpatialGate(norm=None, order=("mean", "max")), "order="),
        (SpatialGate(norm=None, kernel_size=9), "kernel_size=9"),
        (CBAM(in_channels=8, norm=None), "mlp_bias=True"),
        (CBAM(in_channels=8, mlp_bias=False), "norm="),
    ],
    ids=lambda value: value if isinstance(value, str) else describe(value),
)
def test_the_article_refuses_options_that_it_lacks(spec: BlockSpec, message: str) -> None:
    state = nlblocks.state_of(nlblocks.build(spec, backend="reference", seed=2, dtype="float64"))
    with pytest.raises(InputError, match=message):
        ARTICLE.from_canonical(spec, state)
