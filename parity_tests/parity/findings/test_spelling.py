"""How both frameworks spell what a cause names: every expression runs, and the two of a cause compute the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nlblocks.parity import CAUSES
from parity_tests.helpers.checkout import python

FOUND = {name: CAUSES.spelled(name) for name in CAUSES}
SPELLED = [name for name, codes in FOUND.items() if codes]
EXACT = 1e-5
"""How far the two may be apart, in units of the largest value: both compute in float32."""


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, 2, 5, 4)).astype("float32")
    return {
        "x": rng.normal(size=(2, 4, 8, 8)).astype("float32"),
        "y": rng.normal(size=(2, 4, 8, 8)).astype("float32"),
        "grid": rng.uniform(-1.2, 1.2, size=(2, 5, 5, 2)).astype("float32"),
        "theta": np.array([[[0.9, 0.1, 0.0], [0.0, 1.1, 0.2]]] * 2, "float32"),
        "rows": rng.normal(size=(3, 8)).astype("float32"),
        "index": np.array([[0, 2], [1, 3], [4, 7]]),
        "ones": np.ones((3, 2), "float32"),
        "q": q,
        "blhd": q.transpose(0, 2, 1, 3).copy(),
        "scores": rng.normal(size=(5, 5)).astype("float32"),
        "keep": np.tril(np.ones((5, 5), bool)),
        "steps": rng.normal(size=(2, 5, 8)).astype("float32"),
        "logits": rng.normal(size=(4, 3)).astype("float32"),
        "labels": np.array([0, 2, 1, 255 % 3]),
        "weights": np.array([0.5, 1.0, 2.0], "float32"),
    }


def computed(code: str, names: dict[str, Any]) -> Any:
    """The value of an expression, None of a statement."""
    if isinstance(ast.parse(code).body[-1], ast.Expr):
        return eval(code, names)
    exec(code, names)
    return None


def in_torch(code: str) -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    names = {name: torch.from_numpy(array) for name, array in arrays().items()}
    net = torch.nn.Linear(8, 4)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    net(names["rows"]).sum().backward()
    net.eval()
    return computed(
        code, {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "net": net, "optimiser": optimiser, **names}
    )


def in_paddle(code: str) -> Any:
    paddle = pytest.importorskip("paddle")
    names = {name: paddle.to_tensor(array) for name, array in arrays().items()}
    net = paddle.nn.Linear(8, 4)
    optimiser = paddle.optimizer.SGD(0.01, parameters=net.parameters())
    net(names["rows"]).sum().backward()
    net.eval()
    return computed(
        code,
        {"paddle": paddle, "nn": paddle.nn, "F": paddle.nn.functional, "net": net, "optimiser": optimiser, **names},
    )


def array(value: Any) -> Any:
    """A tensor that is no parameter as an array; None for anything else."""
    if not hasattr(value, "numpy") or type(value).__name__ in ("Parameter", "EagerParamBase"):
        return None
    return np.asarray(value.detach().numpy())


def test_both_frameworks_spell_the_same_causes() -> None:
    assert len(SPELLED) > 100
    assert [name for name, codes in FOUND.items() if set(codes) not in (set(), {"torch", "paddle"})] == []


@pytest.mark.parametrize("name", SPELLED)
def test_both_spellings_compute_the_same(name: str) -> None:
    left, right = array(in_torch(FOUND[name]["torch"])), array(in_paddle(FOUND[name]["paddle"]))
    if left is not None and right is not None:  # a layer has random weights, and a statement no value
        assert left.shape == right.shape
        assert left.dtype == right.dtype
        finite = np.isfinite(left)
        assert np.array_equal(left[~finite], right[~finite])
        assert np.abs(left[finite] * 1.0 - right[finite]).max() <= EXACT * np.abs(right[finite]).max()


def test_a_spelling_is_read_without_its_framework() -> None:
    code = "import sys; from nlblocks.parity import CAUSES; print(CAUSES.spelled('batch_norm.eps'))"
    found = python("-c", f"{code}; assert not {{'torch', 'paddle'}} & set(sys.modules)")
    assert found.returncode == 0, found.stderr
    assert "epsilon=" in found.stdout


def test_a_backend_that_spells_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlblocks.parity.findings import spelling

    rows: Mapping[str, Any] = spelling.rows()
    monkeypatch.setattr(spelling, "rows", lambda: {"mute": rows["reference"], "torch": rows["torch"]})
    assert set(spelling.spelled("batch_norm.eps")) == {"torch"}
