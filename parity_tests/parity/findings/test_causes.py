"""The table of causes is whole."""

from __future__ import annotations

from nlblocks.parity.findings.causes import BY_ATTRIBUTE, CAUSES


def test_every_cause_that_can_be_named_is_in_the_table() -> None:
    assert set(BY_ATTRIBUTE.values()) <= set(CAUSES)
