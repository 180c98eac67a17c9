"""The picture shows the curves of the runs: the lines, bands and marks of each panel are the seeds' figures."""

from __future__ import annotations

import io
import re
from importlib import util
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nlblocks.errors import InputError
from nlblocks.training.reporting import Results
from nlblocks.training.reporting.curves import BASE, BLOCK, LOSS, TOP1, Quantity, _panels, drawings, picture

APART = 0.15
"""Difference of two colours' lightness (0 to 1) from which on a grey print tells them apart."""


def drawn(results: Results, title: str, quantity: Quantity = TOP1) -> Any:
    """One panel."""
    axis = Figure().subplots()
    dict(_panels(results, quantity))[title](axis)
    return axis


def test_a_panel_a_block_and_one_for_the_ends(results: Results) -> None:
    blocks = [f"{name} against baseline" for name in results.variants[1:]]
    assert [title for title, _ in drawings(results)] == [*blocks, "after epoch 6"]


@pytest.mark.parametrize("quantity", [TOP1, LOSS])
def test_lines_are_medians_and_bands_go_from_the_least_to_the_greatest(results: Results, quantity: Quantity) -> None:
    axis = drawn(results, "gaussian against baseline", quantity)
    lines = {line.get_label(): line for line in axis.lines}
    assert set(lines) == {f"{name}, {backend}" for name in ("baseline", "gaussian") for backend in ("torch", "paddle")}
    values = [[quantity.value(epoch) for epoch in one.epochs] for one in results.of("gaussian", "paddle")]
    assert np.allclose(lines["gaussian, paddle"].get_ydata(), np.median(values, 0), rtol=0, atol=0)
    assert list(lines["gaussian, paddle"].get_xdata()) == [1, 2, 3, 4, 5, 6]
    corners = axis.collections[-1].get_paths()[0].vertices[:, 1]
    assert (corners.min(), corners.max()) == (np.min(values), np.max(values))


def test_all_panels_have_one_scale_that_holds_every_run(results: Results) -> None:
    scales = {drawn(results, f"{name} against baseline").get_ylim() for name in results.variants[1:]}
    values = [100 * epoch.top1 for one in results.runs for epoch in one.epochs]
    ((low, high),) = scales
    assert low < min(values) <= max(values) < high


def test_the_ends_are_those_of_the_runs_that_are_done(results: Results) -> None:
    axis = drawn(results, "after epoch 6")
    marks = [line for line in axis.lines if line.get_marker() != "None" and len(line.get_xdata()) == 1]
    assert len(marks) == 2 * len(results.variants)
    found = {line.get_label(): float(line.get_ydata()[0]) for line in marks}
    ends = list(results.last("non_local", "paddle", TOP1.value).values())
    assert found["non_local, paddle"] == np.median(ends)


def test_frameworks_differ_in_line_and_mark_and_models_in_lightness(results: Results) -> None:
    lines = drawn(results, "gaussian against baseline").lines
    first, second = (line for line in lines if "gaussian" in line.get_label())
    assert first.get_color() == second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()
    light = [float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))) for colour in (BASE, BLOCK)]
    assert abs(light[0] - light[1]) > APART


def test_axes_say_what_they_show_and_in_what(results: Results) -> None:
    axis = drawn(results, "gaussian against baseline")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "test images right (top-1), %")


def test_the_picture_is_a_png_with_a_place_for_each_panel(results: Results) -> None:
    with Image.open(io.BytesIO(picture(results))) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 500


def test_the_drawings_of_a_page_are_the_same_each_time_and_share_no_name(results: Results) -> None:
    first, second = drawings(results), drawings(results)
    assert first == second
    names = [name for _, svg in first for name in re.findall(r'\bid="([^"]*)"', svg)]
    used = {name for _, svg in first for name in re.findall(r"(?:href=\"#|url\(#)([^\")]*)", svg)}
    assert len(names) == len(set(names))
    assert used
    assert used <= set(names)


def test_without_matplotlib_a_line_says_what_to_install(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlblocks.training.reporting.curves.find_spec", lambda name: None)
    assert util.find_spec("matplotlib") is not None
    with pytest.raises(InputError, match=r'matplotlib is not installed; install it with: pip install "nlblocks'):
        picture(results)
