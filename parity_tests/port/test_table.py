"""The table is its own test: each row's cases, ported by the translator, give the same in both frameworks."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table import rows
from nlblocks.port.table.row import Case, Row, Target
from parity_tests.port.snippets import Snippet

CASES = [pytest.param(row, case, id=f"{row.names[0]}-{n}") for row in rows() for n, case in enumerate(row.cases)]


@pytest.mark.parametrize(("row", "case"), CASES)
def test_case(row: Row, case: Case) -> None:
    Snippet(case).check()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.names[0]) for row in rows()])
def test_row_is_whole(row: Row) -> None:
    """Every argument has a fate, every row with a target a case, and Paddle's signature is Paddle's own."""
    for variant in (None, *row.variants):
        text = row.torch if variant is None else variant.torch
        for name in row.signature.parameters if text is not None else ():
            assert row.fate(name, variant) is not None, f"no fate for {name!r}"
        signature = Target(text).signature if text else None
    assert row.torch is None or row.cases or any(v.torch for v in row.variants if row.cases), "no case"
    assert signature is None or signature.head
    if row.torch is None:
        assert row.notes, "a refusal needs its reason in notes"


def test_names_are_in_one_row() -> None:
    names = [name for row in rows() for name in row.names]
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)
