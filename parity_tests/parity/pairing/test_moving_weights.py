"""Weights go from one model of a pair to the other, and back."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.parity.pairing.pair import pair  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402
from parity_tests.helpers.nets import SHAPE, paddle_net, torch_net  # noqa: E402


def test_weights_move_as_views_and_come_back() -> None:
    subjects = Subject.both(torch_net(), paddle_net(), np.zeros(SHAPE), 0)
    pairing = pair(*Subject.structures(*subjects, training=False))
    left, right = (subject.own for subject in subjects)
    state = pairing.moved(left, right)
    assert np.shares_memory(state["head.weight"], left["fc.weight"])
    assert np.array_equal(state["head.weight"], left["fc.weight"].T)
    back = pairing.mirrored(state, left)
    assert set(back) == set(left)
    assert all(np.array_equal(back[name], left[name]) for name in left)
