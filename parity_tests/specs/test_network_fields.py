"""Networks: fields and inputs that are refused."""

from __future__ import annotations

from typing import Any

import pytest

import nlblocks
from nlblocks.specs import ArticleDigitNet, AttentionResNet, NonLocal


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": NonLocal(in_channels=64)}, "attention=.*cannot take 256 channels in 2D.*it must have 64"),
        ({"attention": NonLocal(in_channels=256, dims=3)}, "cannot take 256 channels in 2D"),
        ({"attention": nlblocks.specs.DigitNet(in_channels=256)}, "must keep the shape of a map of 256 channels"),
        ({"attention": "non_local"}, "must be a BlockSpec or None"),
        ({"after_stage": 5}, "after_stage=5 must be one of 1, 2, 3, 4"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"norm": None}, "norm=None must be a BatchNorm"),
    ],
)
def test_impossible_fields(options: dict[str, Any], message: str) -> None:
    with pytest.raises(nlblocks.InputError, match=message) as caught:
        AttentionResNet(**options)
    assert "\n" not in str(caught.value)


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(nlblocks.InputError, match="has 1 channels; it must have 3"):
        AttentionResNet(width=4).check_input((2, 1, 96, 96))
    pooled = AttentionResNet(attention=NonLocal(in_channels=256, sub_sample="after"))
    with pytest.raises(nlblocks.InputError, match=r"must be at least \(2, 2\)"):
        pooled.check_input((2, 3, 16, 16))
    with pytest.raises(nlblocks.InputError, match=r"they must be \(28, 28\)"):
        ArticleDigitNet().check_input((2, 1, 32, 32))
