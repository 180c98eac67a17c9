"""What is said of a study is what its runs came to: the middle and the ends of the seeds, paired where it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlblocks.errors import InputError
from nlblocks.training.reporting.results import Results, Spread, duration
from nlblocks.training.runs import StudyFolder
from parity_tests.helpers.studies import study_folder

SEEDS = (0, 1, 2)


def top1(epoch: Any) -> float:
    return float(epoch.top1)


def ends(results: Results, variant: str, backend: str) -> dict[int, float]:
    """The last top-1 of each run that is done, read by another way."""
    runs = StudyFolder(results.path).runs()
    own = [run for run in runs if (run.variant, run.backend) == (variant, backend)]
    return {run.recipe.seed: run.epochs()[-1].top1 for run in own if len(run.epochs()) == run.recipe.epochs}


def test_a_spread_is_the_median_the_least_and_the_greatest() -> None:
    found = Spread((3.0, 1.0, 7.0, 2.0))
    assert (found.low, found.middle, found.high) == (1.0, 2.5, 7.0)


def test_backends_come_as_they_are_registered_and_variants_as_the_recipe_has_them(results: Results) -> None:
    assert results.backends == ["torch", "paddle"]
    assert results.variants == [variant.name for variant in results.recipe.variants]
    assert results.seeds == list(SEEDS)
    assert results.baseline == "baseline"


def test_ends_are_those_of_the_runs_that_are_done(results: Results) -> None:
    assert results.last("baseline", "torch", top1) == ends(results, "baseline", "torch")
    stopped = results.of("non_local", "paddle")[-1]
    assert (stopped.seed, len(stopped.epochs), stopped.done) == (2, 3, False)
    assert results.last("non_local", "paddle", top1).keys() == {0, 1}


def test_a_curve_goes_as_far_as_all_of_its_runs(results: Results) -> None:
    assert len(results.curve("non_local", "torch", top1)) == 6
    shorter = results.curve("non_local", "paddle", top1)
    assert len(shorter) == 3
    assert shorter[1].values == tuple(one.epochs[1].top1 for one in results.of("non_local", "paddle"))


def test_gains_pair_runs_of_one_seed(results: Results) -> None:
    own, base = ends(results, "gaussian", "paddle"), ends(results, "baseline", "paddle")
    assert results.gains("gaussian", "paddle", top1) == {seed: own[seed] - base[seed] for seed in SEEDS}
    assert results.gains("non_local", "paddle", top1).keys() == {0, 1}
    assert set(results.gains("baseline", "torch", top1).values()) == {0.0}


@pytest.mark.parametrize(("sign", "word"), [(1, "above"), (-1, "below")])
def test_a_block_is_above_where_it_is_on_every_seed(results: Results, sign: int, word: str) -> None:
    assert results.conclusion("non_local", "torch", lambda epoch: sign * epoch.top1) == word
    assert results.conclusion("baseline", "torch", top1) == "mixed"


def test_runs_apart_are_paired_by_seed_across_backends_and_by_backend_across_seeds(results: Results) -> None:
    torch, paddle = (ends(results, "dot_product", backend) for backend in ("torch", "paddle"))
    across, within = results.apart("dot_product", top1)
    assert across == [abs(torch[seed] - paddle[seed]) for seed in SEEDS]
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert within == [abs(one[a] - one[b]) for one in (torch, paddle) for a, b in pairs]


def test_a_folder_without_an_epoch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no epoch of any run is done yet; train first"):
        Results.read(study_folder(tmp_path / "empty", backends=("torch",), seeds=0))
    with pytest.raises(InputError, match="is not the folder of a study"):
        Results.read(tmp_path)


def test_a_damaged_report_of_lockstep_is_refused(results: Results, tmp_path: Path) -> None:
    folder = study_folder(tmp_path / "study", backends=("torch",), seeds=1)
    (folder / "gaussian" / "lockstep-float64.json").write_text("{")
    with pytest.raises(InputError, match=r"gaussian/lockstep-float64\.json: is not a report of lockstep"):
        Results.read(folder)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")]
)
def test_a_duration_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said
