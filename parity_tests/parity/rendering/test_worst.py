"""No figure that is printed is smaller than the true error, whatever was compared and by which floors."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import MODEL_LIMIT
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.rendering import LabReport
from nlblocks.parity.rendering.upwards import upwards

PHASE = "backward"


def drawn(stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray, object]:
    """Two arrays and a floor: zeros, ties, tiny and huge values, NaN and infinities, one floor or one for each."""
    size, scale = int(stream.integers(1, 6)), 10.0 ** float(stream.integers(-300, 300))
    left = stream.normal(size=size) * scale
    right = left + stream.normal(size=size) * scale * 10.0 ** float(stream.integers(-17, 2))
    for array in (left, right):
        array[stream.random(size) < 0.2] = 0.0
        if stream.random() < 0.1:
            array[0] = stream.choice([np.nan, np.inf, -np.inf])
    floors = np.abs(stream.normal(size=size)) * scale * 10.0 ** stream.integers(-17, 3, size)
    return left, right, [None, 0.0, float(floors.max()), floors, np.zeros(size)][int(stream.integers(5))]


def true_error(left: np.ndarray, right: np.ndarray) -> float:
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return math.inf
    with np.errstate(over="ignore"):
        error, largest = np.abs(left - right).max(), max(np.abs(left).max(), np.abs(right).max())
    return float(error / largest) if largest else 0.0


@pytest.mark.parametrize("seed", range(150))
def test_the_worst_is_never_printed_smaller_than_the_true_error(seed: int) -> None:
    stream = np.random.default_rng(seed)
    found, errors = [], []
    for _ in range(int(stream.integers(1, 5))):
        left, right, noise = drawn(stream)
        errors.append(true_error(left, right))
        dtype = str(stream.choice(["float64", "float32"]))
        found.append(
            Comparison.of(
                left, right, noise=noise, largest=float(stream.choice([0.0, 1.0, 1e300])), phase=PHASE, group="output",
                name="x", dtype=dtype, limit=MODEL_LIMIT if dtype == "float64" else None, ceiling=1e-6,
            )
        )  # fmt: skip
        assert not found[-1].passed or math.isfinite(errors[-1])
    report = LabReport(left="A", right="B", pairing=Pairing(), seed=0, shapes=((1,),), comparisons=found)
    worst = report.worst(PHASE)
    assert worst is not None
    assert worst >= max(errors)
    printed = re.search(r"worst ([^ ,]+)", str(report))
    assert printed is not None
    assert float(printed[1]) >= max(errors)
    for row, error in zip(report.to_dict()["comparisons"], errors, strict=True):
        assert row["problem"] or row["relative"] >= error


@pytest.mark.parametrize(
    ("error", "text"),
    [(1.94e-5, "2.0e-05"), (1.9e-5, "1.9e-05"), (9.96e-9, "1.0e-08"), (0.0, "0.0e+00"), (math.inf, "inf"),
     (2.0, "2.0e+00"), (5e-324, "4.9e-324")],
)  # fmt: skip
def test_two_digits_are_rounded_up(error: float, text: str) -> None:
    assert upwards(error) == text
