"""Dialects of gates over channels, rows and columns: what the classes compute with options of no golden file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from parity_tests.weights.dialects.test_dialects import State, conv

CASES: list[tuple[str, str, dict[str, Any], tuple[int, ...], Callable[[Any, State], Any]]] = [
    ("timm", "EffectiveSEModule", {"channels": 6, "add_maxpool": True, "gate_layer": "hardsigmoid"}, (2, 6, 5, 4),
     lambda x, s: x * ((conv((x.mean((2, 3), True) + x.amax((2, 3), True)) / 2, s, "fc") + 3).clamp(0, 6) / 6)),
    ("paddledetection", "EffectiveSELayer", {"channels": 6, "act": "sigmoid"}, (2, 6, 5, 4),
     lambda x, s: x * conv(x.mean((2, 3), True), s, "fc").sigmoid()),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'-'.join(map(str, case[2].values()))}")
def test_what_the_codebase_computes(case: Any, require: Any) -> None:
    require("torch")
    import torch

    name, cls, options, shape, compute = case
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    stream = np.random.default_rng(7)
    state = {
        foreign: np.abs(stream.normal(size=size)) + 0.5 if param.layout == "variance" else stream.normal(size=size)
        for param, (foreign, size) in dialect.rows(spec).items()
    }
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    x = stream.normal(size=shape)
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    found = nlblocks.run(block, x).output
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
    back = dialect.from_canonical(spec, nlblocks.state_of(block))
    assert {foreign: array.tobytes() for foreign, array in back.items()} == {
        foreign: array.tobytes() for foreign, array in state.items()
    }


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("timm", "EffectiveSEModule", {"channels": 6, "gate_layer": "tanh"}, "gate_layer='tanh' is not covered"),
    ("paddledetection", "EffectiveSELayer", {"channels": 6, "act": "relu"}, "act='relu' is not covered"),
])  # fmt: skip
def test_what_a_dialect_refuses_by_name(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nlblocks.dialects.get(name).spec(cls, **options)
