"""The table of causes is whole."""

from __future__ import annotations

from nlblocks.parity.explaining.attribute_values import NAMES
from nlblocks.parity.findings.causes import CAUSES


def test_every_cause_that_can_be_named_is_in_the_table() -> None:
    assert set(NAMES.values()) <= set(CAUSES)
