"""What public implementations computed, in float64, is what all our backends compute: the outside judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.numerics import Comparison
from nlblocks.proof import sample
from parity_tests.helpers.blocks import BACKENDS, built
from parity_tests.helpers.golden import CASES, Golden

LIMIT = 1e-12  # relative to the tensor's largest magnitude


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def test_golden_files_are_there() -> None:
    assert len(CASES) == 276


@pytest.mark.parametrize("backend", BACKENDS)
def test_golden(golden: Golden, backend: str, require: Any) -> None:
    require(backend)
    has_map = "output/1" in golden.arrays
    point = sample.Point(
        state=golden.dialect.to_canonical(golden.spec, golden.state),
        x=golden.arrays["input/0"],
        grad_output=golden.arrays["grad_output/0"],
    )
    run = compute(golden, backend, point, has_map)

    assert_close(run.output, golden.arrays["output/0"])
    if has_map:
        assert_close(run.attention, golden.arrays["output/1"])
    for name, expected in golden.canonical("state_after/").items():
        assert_close(run.state_after[name], expected)
    if backend == "reference":
        return
    assert_close(run.grad_input, golden.arrays["grad_input/0"])
    expected_grads = golden.canonical("grad_param/")
    assert set(run.grad_params) == set(expected_grads)
    # A bias that BatchNorm subtracts (or all but subtracts) has a gradient of rounding: its noise floor judges it.
    nudged = [compute(golden, backend, point.nudged(trial, sample.PARTS), has_map) for trial in range(3)]
    for name, expected in expected_grads.items():
        found = run.grad_params[name]
        noise = max(float(np.abs(other.grad_params[name] - found).max()) for other in nudged)
        assert_close(found, expected, noise)


def compute(golden: Golden, backend: str, point: sample.Point, has_map: bool) -> nlblocks.Run:
    return nlblocks.run(
        built(golden.spec, backend, state=point.state),
        point.x,
        training=golden.meta["training"],
        grad_output=point.grad_output,
        return_attention=has_map,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_dialect_round_trip_is_bit_exact(path: Path) -> None:
    golden = Golden(path)
    back = golden.dialect.from_canonical(golden.spec, golden.dialect.to_canonical(golden.spec, golden.state))
    assert set(back) == set(golden.state)
    for name, array in back.items():
        assert array.dtype == golden.state[name].dtype
        assert array.tobytes() == golden.state[name].tobytes(), name


def assert_close(found: Any, expected: Any, noise: float | None = None) -> None:
    compared = Comparison.of(
        found, expected, phase="golden", group="", name="", dtype="float64", limit=LIMIT, noise=noise
    )
    assert compared.passed, f"{compared.difference}, noise {noise}"
