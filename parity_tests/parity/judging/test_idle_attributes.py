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


@pytest.mark.parametrize(("extent", "verdict", "notes"), [(8, "same", 1), (7, "different", 0)])
def test_rounding_extents_that_windows_divide_is_said_and_no_fault(extent: int, verdict: str, notes: int) -> None:
    def model(up: bool) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.AvgPool2d(2, 2, ceil_mode=up))

    report = compare(model(True), model(False), (2, 2, extent, extent), training=False)
    assert report.verdict == verdict
    assert len([finding for finding in report.findings if finding.severity == "note"]) == notes
