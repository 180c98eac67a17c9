"""What the judge of training calls a setting that differs is a cause that the table explains."""

from __future__ import annotations

from nlblocks.parity import CAUSES
from nlblocks.parity.judging.training import CAUSES_OF, GUESSED


def test_every_setting_has_a_cause_of_the_table() -> None:
    assert set(CAUSES_OF.values()) | GUESSED <= set(CAUSES)
