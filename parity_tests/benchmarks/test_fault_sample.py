"""A sample of the held-out cases, put through the lab; ``python -m benchmarks.faults`` runs all."""

from __future__ import annotations

from operator import attrgetter

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

from benchmarks.faults.case import Case
from benchmarks.faults.judge import judge
from benchmarks.faults.rows import FRESH, FRESH_CORRECT, HELD_CORRECT, HELD_FAULTS

FAULTS = [*HELD_FAULTS[::8], *FRESH[::5]]
PAIRS = [*HELD_CORRECT[::7], *FRESH_CORRECT[::4]]


@pytest.mark.parametrize("case", FAULTS, ids=attrgetter("name"))
def test_fault_is_caught_located_and_explained(case: Case) -> None:
    outcome = judge(case)
    assert not outcome.crashed, outcome.crashed
    assert outcome.complete, f"{outcome.cause} at {outcome.place}: {outcome.said}"


@pytest.mark.parametrize("case", PAIRS, ids=attrgetter("name"))
def test_correct_pair_passes(case: Case) -> None:
    outcome = judge(case)
    assert not outcome.crashed, outcome.crashed
    assert outcome.passed, outcome.said
