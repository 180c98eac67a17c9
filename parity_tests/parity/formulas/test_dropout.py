"""What one model drops the other drops, in every layout."""

from __future__ import annotations

from nlblocks.parity.formulas import dropout_draw


def test_dropout_keeps_the_same_whatever_the_order_of_axes() -> None:
    kept = dropout_draw((2, 5, 3, 1), 0)
    assert 0 < kept.sum() < kept.size
    assert (dropout_draw((5, 3, 2, 1), 0) == kept.transpose(1, 2, 0)).all()
    assert (dropout_draw((2, 5, 3, 2), 0) != kept).any()
    assert (dropout_draw((2, 5, 3, 1), 0).reshape(10, 3) == kept.reshape(10, 3)).all()
