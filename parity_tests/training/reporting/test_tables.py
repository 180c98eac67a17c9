"""The tables hold the figures of the runs, for a terminal and for a page in Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlblocks.init import initial_state
from nlblocks.specs import AttentionResNet
from nlblocks.training.reporting import Results, tables
from nlblocks.training.reporting.results import Spread
from parity_tests.helpers.studies import study_folder


def test_a_cell_is_the_median_of_the_seeds_and_their_range(results: Results) -> None:
    grid = tables.outcome(results)
    column = list(grid.heads).index("top-1 %, paddle")
    found = Spread(tuple(results.last("gaussian", "paddle", lambda epoch: 100 * epoch.top1).values()))
    row = next(row for row in grid.rows if row[0] == "gaussian")
    assert row[column] == f"{found.middle:.1f} ({found.low:.1f}–{found.high:.1f})"
    assert [row[0] for row in grid.rows] == results.variants


def test_backends_stand_side_by_side(results: Results) -> None:
    kinds = [head.split(", ") for head in tables.outcome(results).heads[2:]]
    assert [backend for _, backend in kinds] == ["torch", "paddle"] * 4
    assert [kind for kind, _ in kinds[::2]] == [kind for kind, _ in kinds[1::2]]


def test_parameters_are_what_is_learned() -> None:
    model = AttentionResNet(width=4)
    state = initial_state(model, 0)
    assert tables.parameters(model) == sum(a.size for name, a in state.items() if "running" not in name)


def test_seconds_and_milliseconds_keep_three_digits(results: Results) -> None:
    row = dict(zip(tables.outcome(results).heads, tables.outcome(results).rows[0], strict=True))
    assert (row["s / epoch, torch"], row["s / epoch, paddle"], row["forward ms, torch"]) == ("1.00", "1.01", "2.50")


def test_gains_count_the_seeds_above_the_baseline(results: Results) -> None:
    grid = tables.gains(results)
    assert grid is not None
    rows = {row[0]: dict(zip(grid.heads, row, strict=True)) for row in grid.rows}
    assert "baseline" not in rows
    for name, row in rows.items():
        found = results.gains(name, "torch", lambda epoch: epoch.top1).values()
        assert row["seeds above, torch"] == f"{sum(gain > 0 for gain in found)} of 3"
    assert len({row["seeds above, torch"] for row in rows.values()}) > 1
    assert rows["non_local"]["seeds above, paddle"] == "2 of 2"  # the third has not ended
    assert rows["non_local"]["points of top-1, torch"].startswith("+")


def test_one_seed_has_no_range_and_one_backend_no_distance(tmp_path: Path) -> None:
    alone = Results.read(study_folder(tmp_path, backends=("paddle",), seeds=1))
    assert [grid.name for grid in tables.grids(alone)] == ["results", "gains"]
    assert "(" not in tables.outcome(alone).rows[0][2]
    assert "seed 0" in tables.outcome(alone).about


def test_a_head_in_two_lines_names_its_kind_once(results: Results) -> None:
    lines = tables.text(tables.outcome(results)).splitlines()
    upper, lower = lines[2], lines[3]
    assert upper.split() == ["model", "parameters", "top-1", "%", "top-5", "%", "forward", "ms", "s", "/", "epoch"]
    assert lower.split() == ["torch", "paddle"] * 4


def test_markdown_has_a_cell_for_each_head(results: Results) -> None:
    for grid in tables.grids(results):
        _, *lines = tables.markdown(grid).split("\n\n")[-1].splitlines()
        assert {line.count(" | ") for line in lines} == {len(grid.heads) - 1}


@pytest.mark.parametrize(("values", "said"), [((-0.01, 0.02), "+0.0 (+0.0 to +0.0)"), ((-1.25,), "-1.2"), ((), "–")])
def test_a_gain_has_a_sign_and_nothing_is_minus_zero(values: tuple[float, ...], said: str) -> None:
    assert tables._cell(dict(enumerate(values)), "gain") == said
