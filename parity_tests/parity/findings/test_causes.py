"""The table of causes is whole."""

from __future__ import annotations

import pytest

from nlblocks.errors import InputError
from nlblocks.parity.findings.causes import BY_ATTRIBUTE, CAUSES


def test_every_cause_that_can_be_named_is_in_the_table() -> None:
    assert set(BY_ATTRIBUTE.values()) <= set(CAUSES)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("batch_norm.varience", "batch_norm.variance"),
        ("batchnorm.variance", "batch_norm.variance"),
        ("batch_norm", "batch_norm.eps, batch_norm.momentum, batch_norm.variance"),
        ("bn.variance", "batch_norm.variance"),
        ("variance", "batch_norm.variance"),
        ("dropout.scale", "dropout."),
    ],
)
def test_a_cause_that_is_none_gets_suggestions(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"names no known cause; did you mean .*{meant}"):
        CAUSES.accepted([name])


@pytest.mark.parametrize("name", ["zzz", "", 3])
def test_a_cause_that_is_like_none_is_sent_to_the_list(name: object) -> None:
    with pytest.raises(InputError, match=r"names no known cause; nlblocks causes lists them$"):
        CAUSES.accepted([name])  # type: ignore[list-item]
