"""The benchmark of soundness sees what it plants; and a small run of it, another each time."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

from benchmarks.soundness import paddle_side, torch_side
from benchmarks.soundness.catalogue import PAIRS, Real
from benchmarks.soundness.mutants import MUTATIONS, mutants
from benchmarks.soundness.right import WORDS, Sentence, right
from benchmarks.soundness.right import truth as spelled_truth
from benchmarks.soundness.truth import DIFFERS, SAME, apart, in_paddle_names, observe
from parity_tests.helpers.checkout import python

REAL = [name for name, pair in PAIRS.items() if isinstance(pair.models, Real)]
SEED = 12  # any, as long as none of its mutants takes the process down


class Says:
    """A lab that gives every pair the same verdict."""

    faults: tuple[Any, ...] = ()

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict

    def __call__(self, left: Any, right: Any, inputs: Any, **how: Any) -> Says:
        return self


def test_there_is_enough_to_choose_from() -> None:
    assert len(MUTATIONS) >= 60
    assert len(REAL) >= 20
    assert len(PAIRS) - len(REAL) >= 36


@pytest.mark.parametrize("index", range(len(MUTATIONS)), ids=list(MUTATIONS))
def test_every_mutation_shows_and_a_lab_that_passes_all_misses_it(index: int) -> None:
    found = mutants(SEED, index, Says("same"))
    assert found[-1].kind == "mutant", "no mutant changes what a model computes"
    assert found[-1].difference > DIFFERS
    assert found[-1].wrong
    assert not any(outcome.wrong for outcome in found[:-1])


def test_a_lab_that_fails_all_alarms() -> None:
    found = [outcome for index in range(3) for outcome in right(0, index, Says("different"))]
    assert len(found) == 3
    assert all(outcome.wrong for outcome in found)
    found = [outcome for index in range(3) for outcome in right(0, index, Says("not compared"))]
    assert all(outcome.wrong for outcome in found)


@pytest.mark.parametrize("name", REAL)
def test_real_model_is_the_same_in_both_frameworks(name: str) -> None:
    pair = PAIRS[name]
    inputs = pair.inputs("plain", 0)
    with torch_side.float64(), paddle_side.float64():
        ours, theirs = pair.filled("torch", 0), pair.filled("paddle", 0)
        left = in_paddle_names(pair, observe("torch", ours, inputs), ours)
        difference, where = apart(left, observe("paddle", theirs, inputs))
    assert difference < 1e-7, where  # beyond rounding only where Paddle holds a constant as float32


@pytest.mark.parametrize("table", ["IMAGES", "SEQUENCES", "POINTS", "IMAGE_ENDS", "SEQUENCE_ENDS"])
def test_every_spelling_computes_what_the_first_one_does(table: str) -> None:
    image = not table.startswith("SEQUENCE")
    start = ("IMAGES", "1x1", 0) if image else ("SEQUENCES", "linear", 0)
    inputs = (np.random.default_rng(0).normal(size=(3, 8, 6, 6) if image else (3, 6, 8)).astype(np.float32),)
    assert list(getattr(WORDS["torch"], table)) == list(getattr(WORDS["paddle"], table))
    for framework, words in WORDS.items():
        for name, spellings in getattr(words, table).items():
            first = Sentence("torch", (start, (table, name, 0)))
            for i in range(len(spellings)):
                difference, where = spelled_truth((first, Sentence(framework, (start, (table, name, i)))), inputs)
                assert difference < DIFFERS, f"{name} {i} in {framework}: {where}"


def test_the_truth_is_strict() -> None:
    def seen(*values: float, dtype: str = "float64") -> dict[str, dict[str, Any]]:
        return {"eval": {"": np.array(values, dtype)}}

    one = seen(1.0, 2.0)
    assert apart(one, seen(1.0, 2.0)) == (0.0, "")
    assert apart(one, seen(1.0, 2.0 + 1e-11))[0] < SAME
    assert apart(one, seen(1.0, 2.0 + 1e-5))[0] == pytest.approx(5e-6, rel=1e-3)
    for other in (seen(1.0), seen(1.0, np.nan), seen(1.0, np.inf), seen(1.0, 2.0, dtype="float32"), {"eval": {}}):
        assert apart(one, other)[0] == np.inf
    assert apart(seen(np.nan, 1.0), seen(np.nan, 1.0))[0] == 0.0
    assert apart(seen(np.inf, 1.0), seen(-np.inf, 1.0))[0] == np.inf
    assert apart(seen(1, 2, dtype="int64"), seen(1, 3, dtype="int64"))[0] > DIFFERS


def test_a_small_run_finds_the_lab_sound() -> None:
    """Another seed each time; the command that the output ends with shows a disagreement again."""
    seed = secrets.randbelow(10**6)
    print("seed", seed)
    done = python("-m", "benchmarks.soundness", "--mutants", 40, "--right", 12, "--seed", seed)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
