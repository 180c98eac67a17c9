"""The table of what works: its judge finds what does not, a sample of it is true, and the page names all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.works.__main__ import FRAMEWORKS, blocks, cell, ways_of
from benchmarks.works.judge import Cell, NotHere, Nothing, Results, Way, tried
from benchmarks.works.page import page
from nlblocks.backend import Array
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT

X = np.ones(3)
SAMPLE = {
    "torch": {
        "half": "ChannelAttention",
        "jit.trace": "CBAM",
        "meta device": "NonLocal gaussian",
        "save": "SpatialGate",
    },
    "paddle": {
        "pickle": "ChannelAttention",
        "recompute, not re-entrant": "ArticleDigitNet",
        "to_static": "SqueezeExcitation",
    },
}
"""Way → a block that it once failed on, where there is one."""
PLAIN = {"output": np.array([1.0, -2.0, 4.0]), "input": np.array([0.5, 1.0, -1.0]), "weight": np.zeros(2)}


def judged(change: Callable[[], Results], form: str = "float64", rounding: float = 0.0) -> Cell:
    rounded = {name: value * (1 + rounding) for name, value in PLAIN.items()}
    return tried(Way("way", "code", lambda module, x: change(), form), None, X, PLAIN, rounded)


def test_the_same_works() -> None:
    assert judged(lambda: PLAIN) == Cell("works")
    assert judged(lambda: {"output": PLAIN["output"]}) == Cell("works")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("output", PLAIN["output"] * (1 + 1e-9), "output is 1e-09 of its largest value away"),
        ("output", PLAIN["output"][:2], r"output is \[2\] where \[3\] is due"),
        ("output", np.array([1.0, np.nan, 4.0]), "output is not finite"),
        ("input", np.zeros(3), "input is 1e\\+00 of its largest value away"),
        ("weight", np.array([0.0, 1e-6]), "weight is 1e-06"),
    ],
)
def test_another_result_fails(name: str, value: Array, why: str) -> None:
    found = judged(lambda: PLAIN | {name: value})
    assert found.verdict == "fails"
    assert re.match(why, found.why), found.why


def test_a_shorter_format_is_judged_by_its_rounding() -> None:
    moved = {name: value * (1 + 0.01) for name, value in PLAIN.items()}
    assert judged(lambda: moved, "bfloat16").verdict == "works"  # 2^-8 is 0.004, of which 16
    assert judged(lambda: moved, "float16").verdict == "fails"  # 2^-11
    assert judged(lambda: moved, "float16", rounding=0.001).verdict == "works"
    assert judged(lambda: PLAIN | {"weight": np.array([0.0, np.inf])}, "float16").why == "weight is not finite"


def test_what_is_raised_is_said() -> None:
    def fail(problem: Exception) -> Callable[[], Results]:
        def run() -> Results:
            raise problem

        return run

    assert judged(fail(ValueError("\n  no | such\nthing"))) == Cell("fails", why="ValueError: no / such")
    assert judged(fail(NotHere("no compiler"))) == Cell("not here", why="no compiler")
    assert judged(fail(Nothing("no layer"))) == Cell("nothing", why="no layer")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_sample_is_true(framework: str, require: Require) -> None:
    require(framework)
    ways: dict[str, Any] = {way.name: way for group in ways_of(framework).values() for way in group}
    for name, block in SAMPLE[framework].items():
        found = cell(framework, ways[name], blocks()[block])
        assert found.verdict == "works", (name, block, found)


def test_the_page_names_every_way_and_block() -> None:
    text = (ROOT / "docs" / "works.md").read_text(encoding="utf-8")
    empty = {
        name: {
            block: {way.name: Cell("works") for group in ways_of(name).values() for way in group} for block in blocks()
        }
        for name in FRAMEWORKS
    }
    made = page(empty, {name: ways_of(name) for name in FRAMEWORKS}, dict.fromkeys(FRAMEWORKS, "1"), "3")
    named = [{line.split("|")[1] for line in one.splitlines() if line.startswith("|")} for one in (text, made)]
    assert named[0] == named[1], "run: make works"
