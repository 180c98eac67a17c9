"""Position, channel, dual, criss-cross and relation-aware attention: fields and inputs that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nlblocks
from nlblocks.specs import (
    ChannelAttention,
    CrissCrossAttention,
    DualAttention,
    PositionAttention,
    RelationAwareAttention,
)

INVALID: list[tuple[Callable[[], Any], str]] = [
    (lambda: PositionAttention(in_channels=0), "in_channels=0"),
    (lambda: PositionAttention(in_channels=8, reduction=0), "reduction=0"),
    (lambda: PositionAttention(in_channels=8, inter_channels=0), "inter_channels=0"),
    (lambda: PositionAttention(in_channels=8).check_input((1, 8, 5)), "[B, C, H, W]"),
    (lambda: ChannelAttention(in_channels=8, energy="max"), "energy='max'"),
    (lambda: ChannelAttention(in_channels=8).check_input((1, 7, 5, 5)), "7 channels"),
    (lambda: DualAttention(in_channels=8, num_classes=0), "num_classes=0"),
    (lambda: DualAttention(in_channels=8, num_classes=2, dropout=1.0), "dropout=1.0"),
    (lambda: DualAttention(in_channels=8, num_classes=2, auxiliary=1), "auxiliary=1"),
    (lambda: DualAttention(in_channels=8, num_classes=2, energy="x"), "energy='x'"),
    (lambda: DualAttention(in_channels=8, num_classes=2, query_reduction=0), "query_reduction=0"),
    (lambda: CrissCrossAttention(in_channels=8, dims=1), "dims=1"),
    (lambda: CrissCrossAttention(in_channels=8, recurrence=0), "recurrence=0"),
    (lambda: CrissCrossAttention(in_channels=8).check_input((1, 8, 2, 3, 4)), "[B, C, H, W]"),
    (lambda: CrissCrossAttention(in_channels=8, dims=3).check_input((1, 8, 3, 4)), "[B, C, T, H, W]"),
    (lambda: CrissCrossAttention(in_channels=8).check_input((1, 8, 0, 4)), "at least (1, 1)"),
    (lambda: RelationAwareAttention(in_channels=64, positions=55), "positions=55 gives it 1 + 6"),
    (lambda: RelationAwareAttention(in_channels=55, positions=64), "in_channels=55 gives it 1 + 6"),
    (lambda: RelationAwareAttention(in_channels=7, positions=64, mode="spatial"), "channel_ratio=8"),
    (lambda: RelationAwareAttention(in_channels=64, positions=7, mode="channel"), "spatial_ratio=8"),
    (lambda: RelationAwareAttention(in_channels=64, positions=64, mode="none"), "mode='none'"),
    (lambda: RelationAwareAttention(in_channels=64, positions=64).check_input((1, 64, 8, 9)), "72 positions"),
]


@pytest.mark.parametrize(("attempt", "fragment"), INVALID, ids=[fragment for _, fragment in INVALID])
def test_errors_name_the_field_and_what_would_do(attempt: Callable[[], Any], fragment: str) -> None:
    with pytest.raises(nlblocks.InputError) as caught:
        attempt()
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_relation_aware_sizes_at_the_limit() -> None:
    RelationAwareAttention(in_channels=56, positions=56)
    RelationAwareAttention(in_channels=8, positions=56, mode="spatial")
    RelationAwareAttention(in_channels=56, positions=8, mode="channel")
