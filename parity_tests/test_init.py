"""Initialisation by seed, in NumPy. No framework is needed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.init import draw, initial_state
from nlblocks.specs import BatchNorm, Init, NonLocal, Param


def test_each_parameter_has_a_stream_of_its_own() -> None:
    """Adding or dropping a parameter changes no other: theta is the same with and without concatenation's w_f."""
    plain = initial_state(NonLocal(in_channels=6), seed=1)
    more = initial_state(NonLocal(in_channels=6, mode="concatenation"), seed=1)
    for name, array in plain.items():
        assert array.tobytes() == more[name].tobytes()
    assert (plain["theta.weight"] != plain["phi.weight"]).any()
    assert (plain["theta.weight"] != initial_state(NonLocal(in_channels=6), seed=2)["theta.weight"]).any()


def test_initialisation_never_changes() -> None:
    """A seed means the same weights in every release: these bits are part of the contract."""
    state = initial_state(NonLocal(in_channels=6, mode="concatenation"), seed=0)
    digest = hashlib.sha256(b"".join(state[name].tobytes() for name in sorted(state))).hexdigest()
    assert digest == "37e86e17bbfeea5f7264c388318f5b47cf99857c5d0c7dbb4f7ba596f46be690"


def test_initialisation_follows_its_rule() -> None:
    weight = Param("w", (200, 50, 3, 3), Init.uniform(1.0, "in"), layout="conv")
    values = draw(weight, seed=0)
    bound = 1 / np.sqrt(50 * 9)
    assert 0.99 * bound < np.abs(values).max() <= bound
    normal = draw(replace(weight, init=Init.normal(2.0, "out")), seed=0)
    assert normal.std() == pytest.approx(2 / np.sqrt(200 * 9), rel=0.01)
    assert (draw(replace(weight, init=Init.constant(3.0)), seed=0) == 3).all()
    with pytest.raises(InputError, match="a vector has no fan"):
        draw(Param("b", (4,), Init.uniform(1.0, "in")), seed=0)


@pytest.mark.parametrize(("norm", "last"), [(BatchNorm(), "norm.weight"), (None, "w_z.weight")])
def test_zero_init_is_where_the_sources_have_it(norm: BatchNorm | None, last: str) -> None:
    state = initial_state(NonLocal(in_channels=6, norm=norm), seed=0)
    assert not state[last].any()
    assert state["w_z.weight"].any() == (norm is not None)
    assert initial_state(NonLocal(in_channels=6, norm=norm, zero_init=False), seed=0)[last].all()


@pytest.mark.parametrize("seed", [1.5, "0", True, None])
def test_a_seed_is_an_int(seed: Any) -> None:
    with pytest.raises(InputError, match="must be an int"):
        initial_state(NonLocal(in_channels=4), seed)


def test_a_direction_has_length_one() -> None:
    drawn = draw(Param("bases", (7, 500), Init.direction(), trainable=False), seed=3)
    np.testing.assert_allclose(np.square(drawn).sum(0), 1.0, rtol=1e-14)
    assert np.abs(drawn.mean(1)).max() < 4 / np.sqrt(7 * 500)  # four deviations of the mean of a coordinate
