"""What a formula says of itself: unknown kinds, bad inputs, and the values that torch gives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from nlblocks.parity.formulas.evaluate import FORMULAS, POINTWISE, evaluate
from nlblocks.parity.formulas.formula import Unknown
from nlblocks.parity.tracing import vocabulary

X = np.random.default_rng(0).normal(size=(2, 4, 5)) * 3

CALLS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("relu6", "relu6", {}, {}),
    ("leaky_relu", "leaky_relu", {"slope": 0.2}, {"negative_slope": 0.2}),
    ("elu", "elu", {"alpha": 0.5}, {"alpha": 0.5}),
    ("celu", "celu", {"alpha": 0.5}, {"alpha": 0.5}),
    ("selu", "selu", {}, {}),
    ("gelu", "gelu", {}, {}),
    ("gelu", "gelu", {"approximate": "tanh"}, {"approximate": "tanh"}),
    ("silu", "silu", {}, {}),
    ("mish", "mish", {}, {}),
    ("hard_swish", "hardswish", {}, {}),
    ("sigmoid", "sigmoid", {}, {}),
    ("log_sigmoid", "logsigmoid", {}, {}),
    ("softplus", "softplus", {"beta": 2.0}, {"beta": 2.0}),
    ("softmax", "softmax", {"axis": 1}, {"dim": 1}),
    ("log_softmax", "log_softmax", {"axis": 1}, {"dim": 1}),
    ("normalize", "normalize", {"axis": 1, "p": 3.0}, {"dim": 1, "p": 3.0}),
    ("glu", "glu", {"axis": 1}, {"dim": 1}),
    ("group_norm", "group_norm", {"groups": 2, "eps": 1e-5}, {"num_groups": 2}),
    ("instance_norm", "instance_norm", {"eps": 1e-5}, {}),
    ("layer_norm", "layer_norm", {"count": 1, "eps": 1e-5}, {"normalized_shape": [5]}),
    ("max_pool", "max_pool1d", {"kernel": (2,), "stride": (2,), "padding": ((0, 0),)}, {"kernel_size": 2}),
    ("adaptive_avg_pool", "adaptive_avg_pool1d", {"size": 3}, {"output_size": 3}),
]


@pytest.mark.parametrize(("kind", "name", "attrs", "options"), CALLS)
def test_a_formula_gives_what_torch_gives(kind: str, name: str, attrs: dict[str, Any], options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(X), **options).numpy()
    assert np.abs(evaluate(kind, {"x": X}, attrs) - expected).max() < 1e-13


def test_what_there_is_no_formula_for_is_said() -> None:
    for kind, arrays, attrs in (
        ("no such kind", {"x": X}, {}),
        ("matmul", {"x": X, "other": X}, {}),  # shapes that do not fit
        ("softmax", {"x": X}, {}),  # without its axis
        ("add", {}, {}),
        ("interpolate", {"x": X}, {"mode": "area", "size": 3}),
    ):
        with pytest.raises(Unknown):
            evaluate(kind, arrays, attrs)


def test_infinities_are_values_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isneginf(evaluate("log", {"x": np.zeros(3)}, {})).all()
        assert np.isnan(evaluate("softmax", {"x": np.full(3, -np.inf)}, {"axis": 0})).all()


def test_the_table_holds_what_the_vocabulary_groups() -> None:
    assert set(FORMULAS) >= vocabulary.NORMALISATIONS
    assert {"softsign", "hardtanh"} == vocabulary.ACTIVATIONS - set(
        FORMULAS
    )  # seldom met: no hypothesis is made of them
    assert all(FORMULAS[kind] is formula for kind, formula in POINTWISE.items())
    attrs = {"scale": 2.0, "bias": 1.0, "low": -1.0, "high": 1.0}
    assert all(evaluate(kind, {"x": np.abs(X)}, attrs).shape == X.shape for kind in POINTWISE)
