"""The fault benchmark's own cases are what they claim to be: judged by hand in float64, without the library."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

from benchmarks.faults.case import ENDS, PHASES, Case
from benchmarks.faults.hand import Seen, examine
from benchmarks.faults.rows import CORRECT, FAULTS, HELD_CORRECT, HELD_FAULTS, SETS
from benchmarks.faults.traps import FAULT, TRAPS

ALL_FAULTS, ALL_CORRECT = ([case for cases in SETS.values() for case in cases[part]] for part in (0, 1))
APPARENT = 1e-7  # a planted fault moves something by more than this; rounding in float64 stays far below
BUFFERS = 1e-8  # BatchNorm's momentum as Paddle holds it moves running statistics by up to 4e-10 of their size


def test_there_are_enough_cases_with_names_of_their_own() -> None:
    assert len(FAULTS) >= 60
    assert len(CORRECT) >= 60
    assert len(HELD_FAULTS) >= 45
    assert len(HELD_CORRECT) >= 30
    names = Counter(case.name for case in (*ALL_FAULTS, *ALL_CORRECT))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("case", ALL_FAULTS, ids=attrgetter("name"))
def test_fault_row(case: Case) -> None:
    assert case.phase in PHASES
    assert case.at
    left, right = case.build()
    ours = {name for name, _ in left.named_modules(remove_duplicate=False)} | dict(left.named_parameters()).keys()
    theirs = {name for name, _ in right.named_sublayers()} | dict(right.named_parameters()).keys()
    ends = [end for start, stop in case.places() for end in (start, stop) if end]
    named = [(a, b) for a, b in ends if a not in ENDS]
    for torch_name, _ in named:
        assert torch_name.removesuffix(".weight") in {*ours, "none", ""}, torch_name
    if named:  # a place may be inside a layer that only torch has; not all of them
        assert any(paddle_name in theirs for _, paddle_name in named)


@pytest.mark.parametrize("case", ALL_CORRECT, ids=attrgetter("name"))
def test_correct_pair_agrees(case: Case) -> None:
    seen = examine(case)
    assert not seen.raised, seen.raised
    assert seen.problems == (["norm1._mean", "norm1._variance"] if "track_running_stats" in str(case.left) else [])
    assert seen.finite
    assert max(seen.eval, seen.train, seen.gradients, seen.training) <= case.limit, seen
    assert seen.buffers <= BUFFERS, seen


@pytest.mark.parametrize("case", ALL_FAULTS, ids=attrgetter("name"))
def test_fault_shows_where_it_is_declared(case: Case) -> None:
    seen = examine(case)
    agrees = max(case.limit, APPARENT)
    if case.phase == "eval":
        assert seen.eval > (1e-9 if "float32" in case.name else APPARENT), seen
    elif case.phase == "train":
        assert seen.eval <= agrees < seen.train, seen
    elif case.phase == "backward":
        assert max(seen.eval, seen.train) <= agrees < seen.gradients, seen
    elif case.phase == "buffers":
        assert max(seen.eval, seen.train, seen.gradients) <= agrees < seen.buffers, seen
    elif case.phase == "training":
        assert max(seen.eval, seen.train, seen.gradients, seen.buffers) <= agrees < seen.training, seen
    elif case.phase == "attributes":
        assert seen.eval <= agrees, seen
        assert case.random or seen.train <= agrees, seen
    elif case.phase == "parameters":
        assert seen.problems, seen
    elif case.phase == "shape":
        assert seen.raised or not seen.same_shapes, seen
    else:
        assert not seen.finite, seen
    if case.phase not in ("shape", "values", "parameters"):
        assert not seen.raised, seen.raised


def test_a_fault_without_its_knob_is_not_seen() -> None:
    """The judge can acquit: what the tests above call a difference is the planted one."""
    seen = examine(Case(name="none", family="resnet"))
    assert seen == Seen(eval=seen.eval, train=seen.train, gradients=seen.gradients, buffers=seen.buffers)
    assert max(seen.eval, seen.train, seen.gradients) < 1e-12


def test_a_knob_that_no_model_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer and no question of the model is named stages"):
        Case(name="misspelt", family="resnet", right={"stages.9.bn": 1}).build()


def test_every_trap_that_a_model_can_contain_is_in_a_case() -> None:
    planted = {case.trap for case in FAULTS} - {""}
    assert {case.trap for case in ALL_FAULTS} - {""} == planted
    assert planted == {trap for trap, where in TRAPS.items() if where == FAULT}
    correct = {case.name for case in CORRECT}
    assert {name for where in TRAPS.values() if isinstance(where, tuple) for name in where} <= correct
