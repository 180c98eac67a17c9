"""A sample of the held-out cases, put through the lab; ``python -m benchmarks.faults`` runs all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

import torch

from benchmarks.faults.case import Case
from benchmarks.faults.judge import judge
from benchmarks.faults.rows import FRESH, FRESH_CORRECT, HELD_CORRECT, HELD_FAULTS

FAULTS = [*HELD_FAULTS[::8], *FRESH[::5]]
PAIRS = [*HELD_CORRECT[::7], *FRESH_CORRECT[::4]]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The models are too small to gain by more threads, and lose where other programs run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def identify(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", FAULTS, ids=identify)
def test_fault_is_caught_located_and_explained(case: Case) -> None:
    outcome = judge(case)
    assert not outcome.crashed, outcome.crashed
    assert outcome.complete, f"{outcome.cause} at {outcome.place}: {outcome.said}"


@pytest.mark.parametrize("case", PAIRS, ids=identify)
def test_correct_pair_passes(case: Case) -> None:
    outcome = judge(case)
    assert not outcome.crashed, outcome.crashed
    assert outcome.passed, outcome.said
