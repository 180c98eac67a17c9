"""What public implementations computed, in float64, is what all our backends compute: the outside judge."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What agreement is expected of a file: 1e-12, but for what its source itself does in float32, as ``why`` says."""

    why: str = ""
    output: float = LIMIT
    gradients: float = LIMIT
    statistics: float = LIMIT
    parameters: tuple[str, ...] = ()
    """Those whose gradients it is of; none: of all gradients."""

    def gradient(self, name: str) -> float:
        """The figure of the gradient of a parameter, or of an input."""
        return self.gradients if not self.parameters or name in self.parameters else LIMIT


HARD_SIGMOID = Figures(why="torch's hard sigmoid has the slope float32(1/6) in its float64 gradient", gradients=3e-8)
POOLING = Figures(why="Paddle's adaptive pooling has float32 window weights in its float64 gradient", gradients=5e-8)
POOLED_QUERY = Figures(why="the same, of a file whose own note says so much", gradients=1e-7)
DIVIDED_OUT = Figures(
    why="its norm divides ⟨φ, g⟩ out again: what is left of these two gradients drowns in its rounding",
    gradients=1e-7, parameters=("phi.weight", "g.weight"),
)  # fmt: skip
SOURCES = {
    "cgnl_SpatialCGNL_*": DIVIDED_OUT,
    "timm_EffectiveSEModule_16_5x6": HARD_SIGMOID,
    "paddleclas_ESEModule*": POOLING,
    "paddleclas_SplatConv*": POOLING,
    "paddleseg_AFNB*": POOLING,
    "paddleseg_APNB*": POOLING,
    "paddleseg_PolarizedSelfAttentionModule*": POOLED_QUERY,
}
"""Files, as patterns of their names, whose source is itself inexact. None is here for what our code does."""


def expected_of(path: Path) -> Figures:
    return next((figures for pattern, figures in SOURCES.items() if fnmatchcase(path.stem, pattern)), Figures())


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def test_golden_files_are_there() -> None:
    assert len(CASES) == 276
    for pattern, figures in SOURCES.items():
        assert figures.why
        assert any(fnmatchcase(path.stem, pattern) for path in CASES), pattern


@pytest.mark.parametrize("backend", BACKENDS)
def test_golden(golden: Golden, backend: str, require: Any) -> None:
    require(backend)
    has_map = "attention" in golden.meta["outputs"]
    figures = expected_of(golden.path)
    point = sample.Point(
        state=golden.dialect.to_canonical(golden.spec, golden.state),
        x=golden.inputs("input/"),
        grad_output=golden.arrays["grad_output/0"],
    )
    run = compute(golden, backend, point, has_map)

    assert_close(run.output, golden.arrays["output/0"], figures.output)
    if has_map:
        assert_close(run.attention, golden.arrays["output/1"], figures.output)
    for name, expected in golden.canonical("state_after/").items():
        assert_close(run.state_after[name], expected, figures.statistics)
    if backend == "reference":
        return
    nudged = [compute(golden, backend, point.nudged(trial, sample.PARTS), has_map) for trial in range(3)]
    expected_grads = gradients(golden.inputs("grad_input/"), golden.canonical("grad_param/"))
    found = gradients(run.grad_input, run.grad_params)
    nothing, zero = golden.said("no_grad"), golden.said("zero_grad")
    assert set(found) | nothing == set(expected_grads) | nothing
    largest = max(float(np.abs(array).max()) for array in expected_grads.values())
    for name, expected in expected_grads.items():
        if name in nothing:
            assert name not in found or not found[name].any(), name
        elif name in zero:  # rounding on both sides: it is held against the largest gradient
            assert np.abs(found[name]).max() <= LIMIT * largest, name
            assert np.abs(expected).max() <= figures.gradients * largest, name
        else:  # a bias that BatchNorm all but subtracts has a gradient of rounding: its noise floor judges it
            others = [gradients(other.grad_input, other.grad_params)[name] for other in nudged]
            noise = max(float(np.abs(other - found[name]).max()) for other in others)
            assert_close(found[name], expected, figures.gradient(name), noise if "/" not in name else None)


def gradients(of_inputs: Any, of_params: Any) -> dict[str, Any]:
    """All gradients by name: "input/0" and so on, and the canonical names."""
    arrays = of_inputs if isinstance(of_inputs, tuple) else (of_inputs,)
    return {f"input/{index}": array for index, array in enumerate(arrays)} | dict(of_params)


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


def assert_close(found: Any, expected: Any, limit: float, noise: float | None = None) -> None:
    compared = Comparison.of(
        found, expected, phase="golden", group="", name="", dtype="float64", limit=limit, noise=noise
    )
    assert compared.passed, f"{compared.difference}, noise {noise}"
