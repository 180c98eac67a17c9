"""Attributes that cannot matter are no difference: counting the padding of a pooling that has none."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from nlblocks.parity import compare  # noqa: E402


@pytest.mark.parametrize(("padding", "verdict"), [(0, "same"), (1, "different")])
def test_padding_that_is_not_there_is_not_counted(padding: int, verdict: str) -> None:
    def model(count: bool) -> torch.nn.Module:
        pool = torch.nn.AvgPool2d(2, 2, padding, ceil_mode=True, count_include_pad=count)
        return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), pool)

    assert compare(model(True), model(False), (2, 2, 7, 7), training=False).verdict == verdict
