"""Steps of training: a weight whose gradient is nothing but rounding went nowhere, on whichever side it went."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from nlblocks.parity import compare  # noqa: E402
from nlblocks.parity.explaining.state_after import explain_training  # noqa: E402


@pytest.fixture(scope="module")
def pairing():
    """Of a bias that the norm behind it takes out again, beside a weight that trains."""
    torch.manual_seed(0)
    models = [
        torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 2)) for _ in range(2)
    ]
    return compare(*models, (3, 4), training=False).pairing


def states(bias_moves):
    before = {name: np.full(shape, 0.5) for name, shape in SHAPES.items()}
    after = []
    for move in bias_moves:
        after.append({name: value + 0.01 for name, value in before.items()})
        after[-1]["0.bias"] = before["0.bias"] + move
    return before, after


SHAPES = {"0.weight": (6, 4), "0.bias": (6,), "1.weight": (6,), "1.bias": (6,), "2.weight": (2, 6), "2.bias": (2,)}


@pytest.mark.parametrize("moves", [(0.0, 1e-16), (2e-16, -2e-16)])
def test_a_way_of_rounding_is_none(pairing, moves):
    before, (left, right) = states(moves)
    found, steps = explain_training(pairing, [left], [right], before, {})
    assert found is None
    assert steps[0][1] == 0.0


@pytest.mark.parametrize("moves", [(0.01, 0.0), (1e-9, 0.0), (1e-9, -1e-9)])
def test_a_short_way_is_a_way(pairing, moves):
    before, (left, right) = states(moves)
    found, _ = explain_training(pairing, [left], [right], before, {})
    assert found is not None
    assert "0.bias" in found.explanation
