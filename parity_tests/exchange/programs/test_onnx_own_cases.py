"""ONNX's own cases of the operators that are replaced or rewritten."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_node_model_tests

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.exchange.programs import Evaluator, Runtime, doubled
from nlblocks.exchange.programs.evaluating.evaluator import OWN
from nlblocks.exchange.programs.lowering.registry import LOWERINGS

OURS = {operator.__name__ for operator in OWN} | set(LOWERINGS)
FLOAT32 = 1e-3
"""How exact ONNX says its own cases are."""
EXACT = 3e-15
"""The rounding of a few hundred float64 sums, relative to the greatest value."""
MEANT_OTHERWISE = {
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
}
"""Corners aligned with a length that is no whole number: nobody who runs models does that."""
RUN_BY_BOTH = 350
"""Cases that were run by both when this was written: fewer would be a loss."""


@pytest.fixture(scope="module")
def cases() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how the cases are made
        found = load_node_model_tests()
    return [case for case in found if is_ours(case)]


def is_ours(case: TestCase) -> bool:
    domains = {item.domain for item in case.model.opset_import}
    arrays = case.data_sets[0][0]
    return (
        domains <= {"", "ai.onnx"}
        and bool({node.op_type for node in case.model.graph.node} & OURS)
        and all(isinstance(x, np.ndarray) for x in arrays)
        and any(x.dtype in (np.float32, np.float64) for x in arrays)
        and "training" not in case.name
    )


def apart(found: list[Array], right: list[Array]) -> float:
    """The largest difference relative to the largest value of its tensor."""
    worst = 0.0
    for a, b in zip(found, right, strict=True):
        assert a.shape == b.shape
        a, b = a.astype(float), b.astype(float)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max(initial=0) or 1
        worst = max(worst, float(np.abs(a[finite] - b[finite]).max(initial=0) / scale))
    return worst


def test_they_are_computed_as_onnx_says_and_by_both_alike(cases: list[TestCase]) -> None:
    bad, done = [], Counter[str]()
    for case in cases:
        names = [value.name for value in case.model.graph.input]
        feeds = dict(zip(names, case.data_sets[0][0], strict=False))
        said = list(Evaluator(case.model).run(feeds).values())
        if apart(said, list(case.data_sets[0][1])) > FLOAT32 and case.name not in MEANT_OTHERWISE:
            bad.append(f"{case.name}: not what ONNX says")
        wide = {name: x.astype(float) if x.dtype == np.float32 else x for name, x in feeds.items()}
        exact = list(Evaluator(doubled(case.model)).run(wide).values())
        try:
            other = list(Runtime(case.model, "float64").run(wide).values())
        except InputError:
            done["refused"] += 1
            continue
        done["both"] += 1
        if apart(other, exact) > EXACT:
            bad.append(f"{case.name}: {apart(other, exact):.1e} between the two")
    assert bad == []
    assert done["both"] >= RUN_BY_BOTH
