"""The pairs of models that nobody here wrote: their data are whole, and a row is judged by the truth alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import benchmarks.strangers
from benchmarks.strangers.mends import MENDS
from benchmarks.strangers.rules import RULES
from benchmarks.strangers.table import BEGIN, END, judged, totals, written
from nlblocks.parity import CAUSES

HERE = Path(benchmarks.strangers.__file__).parent
PAIRS: list[dict[str, Any]] = json.loads((HERE / "pairs.json").read_text(encoding="utf-8"))
FIRST: dict[str, Any] = json.loads((HERE / "first_sight.json").read_text(encoding="utf-8"))
SAME = {
    "name": "net",
    "left": "timm:net",
    "right": "ppcls:Net",
    "left_arguments": {},
    "right_arguments": {},
    "size": 64,
}
SAME["truth"] = {"same": True, "why": "outputs are equal", "differences": []}
DIFFERS = {**SAME, "truth": {"same": False, "why": "eps", "differences": [{"at": "bn", "causes": ["batch_norm.eps"]}]}}


def row(**given: Any) -> dict[str, Any]:
    figures = {"seconds": 1.0, "own_seconds": 0.1, "times": 10.0, "mib": 90, "own_mib": 30, "text": ""}
    return {"verdict": "same", "paired": 3, "alone": [[], []], "ambiguous": [], "first": None, **figures, **given}


def said(where: str, cause: str | None) -> dict[str, Any]:
    return row(verdict="different", first={"phase": "eval forward", "where": where, "cause": cause})


def test_there_are_pairs_enough_and_each_is_whole() -> None:
    assert len(PAIRS) >= 40
    assert len({pair["name"] for pair in PAIRS}) == len(PAIRS)
    for pair in PAIRS:
        assert set(pair) == {*SAME}, pair["name"]
        assert all(":" in pair[side] for side in ("left", "right")), pair["name"]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair["name"]))
def test_a_truth_says_why_and_where(pair: dict[str, Any]) -> None:
    truth = pair["truth"]
    assert truth["why"]
    assert truth["same"] == (not truth["differences"])
    for difference in truth["differences"]:
        re.compile(difference["at"])
        assert difference["causes"]
        assert set(difference["causes"]) <= set(CAUSES)


def test_every_row_of_the_first_sight_is_of_a_pair() -> None:
    assert set(FIRST) <= {pair["name"] for pair in PAIRS}
    assert all("error" in one or set(row()) <= set(one) for one in FIRST.values())


def test_a_wrong_verdict_is_wrong_whatever_else_is_said() -> None:
    assert not judged(SAME, said("layer bn", "batch_norm.eps")).verdict
    assert not judged(DIFFERS, row()).verdict
    assert judged(SAME, row()).verdict
    assert not judged(SAME, row(verdict="not compared")).verdict


def test_a_pair_is_whole_where_nothing_is_alone_or_guessed() -> None:
    assert judged(SAME, row()).whole
    assert not judged(SAME, row(alone=[["fc"], []])).whole
    assert not judged(SAME, row(ambiguous=["a may be b or c"])).whole


def test_a_cause_counts_at_its_own_place_only() -> None:
    right, elsewhere, unnamed = (
        judged(DIFFERS, said(*one))
        for one in (("layer bn1", "batch_norm.eps"), ("layer conv1", "batch_norm.eps"), ("layer bn1", None))
    )
    assert (right.place, right.cause) == (True, True)
    assert (elsewhere.place, elsewhere.cause) == (False, False)
    assert (unnamed.place, unnamed.cause) == (True, False)


def test_a_pair_that_came_to_no_end_counts_against_everything_it_owes() -> None:
    broken = {"verdict": "error", "error": "more than 6144 MiB", "text": ""}
    assert judged(SAME, broken) == type(judged(SAME, broken))(False, False, None, None)
    assert not judged(DIFFERS, broken).cause
    assert totals([SAME], {"net": broken})["right verdicts"] == "0 of 1"


def test_the_page_has_both_columns_and_bad_rows_in_bold() -> None:
    page = written(f"head\n{BEGIN}\n{END}\ntail", [SAME], {"net": said("layer bn", None)}, {"net": row()})
    assert "| net | same | same | 3 |" in page
    assert "**different**" in page
    assert page.startswith("head")
    assert page.endswith("tail")


def test_only_a_pair_that_differs_is_put_right() -> None:
    differing = {pair["name"] for pair in PAIRS if not pair["truth"]["same"]}
    assert set(MENDS) <= differing
    assert set(RULES) <= {pair["name"] for pair in PAIRS}
