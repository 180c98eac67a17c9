"""The table of causes is whole."""

from __future__ import annotations

from nlblocks.parity.causes import CAUSES
from nlblocks.parity.variants import NAMES


def test_every_cause_that_can_be_named_is_in_the_table() -> None:
    assert set(NAMES.values()) <= set(CAUSES)
