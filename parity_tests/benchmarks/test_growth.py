"""The table of growth is of blocks that the catalogue has, and stays in its page when the page is written anew."""

from __future__ import annotations

from pathlib import Path

from benchmarks import growth
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT


def test_the_page_has_every_block_of_the_table() -> None:
    section = growth.kept(ROOT / "docs" / "benchmark.md")
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")][2:]
    assert rows == [spec.kind for spec in growth.LINEAR]


def test_a_page_that_is_written_anew_keeps_the_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert growth.kept(page) == ""
    page.write_text(f"# Table\n\nrows\n\n{growth.MARK}\n\nfound\n", encoding="utf-8")
    assert growth.kept(page) == f"\n{growth.MARK}\n\nfound\n"


def test_growth_is_measured(require: Require) -> None:
    require("torch")
    spec = next(spec for spec in growth.LINEAR if spec.kind == "global_context")
    milliseconds, times = growth.growth("torch", spec)
    assert milliseconds > 0
    assert times > 0
