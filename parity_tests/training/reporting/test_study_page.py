"""docs/study.md: the figures are a study's own, written between the marks; the text around them is left."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from docs import study
from docs.marks import filled
from nlblocks.errors import InputError
from nlblocks.training.reporting import Results, tables
from parity_tests.helpers.studies import study_folder


def test_the_page_takes_the_figures_and_the_picture(tmp_path: Path) -> None:
    folder, root = study_folder(tmp_path / "study", seeds=2), tmp_path / "docs"
    root.mkdir()
    before = (study.ROOT / study.PAGE).read_text(encoding="utf-8")
    (root / study.PAGE).write_text(before, encoding="utf-8")
    study.main(folder, root)
    after = (root / study.PAGE).read_text(encoding="utf-8")
    assert outside(after) == outside(before)
    for grid in tables.grids(Results.read(folder)):
        assert tables.markdown(grid) in after
    assert (root / study.PICTURE).read_bytes() == (folder / "curves.png").read_bytes()
    study.main(folder, root)
    assert (root / study.PAGE).read_text(encoding="utf-8") == after


def outside(text: str) -> str:
    """What is written by hand."""
    first, second = map(re.escape, study.MARKS)
    return re.sub(f"{first}.*{second}", "", text, flags=re.DOTALL)


def test_the_text_by_hand_holds_no_result() -> None:
    text = outside((study.ROOT / study.PAGE).read_text(encoding="utf-8"))
    assert not re.findall(r"\d+(?:\.\d+)? ?(?:%|points|ms)", text)


def test_sentences_say_what_the_seeds_say(results: Results) -> None:
    said = list(study.said(results))
    assert "non_local: in torch and paddle above the baseline on every seed." in said
    worse = [replace(epoch, top1=0.0) for epoch in results.of("non_local", "torch")[0].epochs]
    runs = tuple(
        replace(one, epochs=tuple(worse)) if (one.run.variant, one.run.backend, one.seed) == CHANGED else one
        for one in results.runs
    )
    changed = list(study.said(replace(results, runs=runs)))
    torch, paddle = (f"above the baseline on {seeds}" for seeds in ("some seeds, not on others", "every seed"))
    assert f"non_local: in torch {torch}; in paddle {paddle}." in changed
    assert f"Of {alike(changed)} of 5 blocks all frameworks say the same." in changed


CHANGED = ("non_local", "torch", 0)


def alike(lines: list[str]) -> int:
    return sum("in torch and paddle" in line for line in lines)


def test_what_is_other_than_in_the_blog_is_read_from_both_recipes(results: Results) -> None:
    grid = study.against_the_blog(results.recipe)
    assert ["images", "cifar10", "digits"] in grid.rows
    assert ["epochs", "30", "6"] in grid.rows
    assert "batch" not in {row[0] for row in grid.rows}  # 32 in both


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(InputError, match="the page must hold the marks"):
        filled("no marks", study.MARKS, "part")
