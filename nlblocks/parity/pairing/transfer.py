"""Weights from one model into another, by the meaning of each tensor; random where fresh ones would hide faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.init import generator
from nlblocks.parity.pairing.units import Ref

Refs = Sequence[tuple[Ref, Ref]]
"""What is the left's, and what is the right's."""
SCALE = 0.5, 1.5
"""Between these lie random gates, gammas and variances: near the 1 that they stand for, and none of them 0."""
NEGATIVE = 0.2
"""The share of random gates and gammas that are negative, as trained ones may be: |gamma| would show."""
SHIFT = 0.2
"""The standard deviation of random biases and means: beside activations of about 1, seen and not drowning them."""


def moved(refs: Refs, source: State, target: State) -> State:
    """The right's state with the left's values in it (:meth:`.pair.Pairing.moved`)."""
    return dict(target) | _written(refs, source, target, np.array)


def mirrored(refs: Refs, values: State, target: State) -> State:
    """The right's values under the left's names and layouts (:meth:`.pair.Pairing.mirrored`)."""
    back = [(right, left) for left, right in refs if right.name in values and left.name in target]
    return _written(back, values, target, lambda whole: np.full(whole.shape, np.nan))


def _written(refs: Refs, source: State, target: State, fresh: Callable[[Array], Array]) -> State:
    """What every first reference names of the source, under the names and in the layouts of the second ones.

    A whole tensor is a view of the source's where that can be. One of which only some rows are given, or that has
    another size, is ``fresh`` of the target's but for these.
    """
    result, own = State(), set[str]()
    for origin, ref in refs:
        value, whole = origin.read(source), target[ref.name]
        if ref.rows is None and value.size == whole.size:
            result[ref.name] = value.reshape(ref.shape).T if ref.transposed else value.reshape(whole.shape)
            continue
        if ref.name not in own:
            result[ref.name] = fresh(whole)
            own.add(ref.name)
        place = ref.read(result)  # a view into the result
        if value.size == place.size:
            place[...] = value.reshape(place.shape)
    return result


def randomised(roles: Mapping[str, str], state: State, seed: int) -> State:
    """The state with every constant tensor made random, as its role asks (:meth:`.pair.Pairing.randomised`)."""
    result = dict(state)
    for name, array in state.items():
        if not array.size or (array != array.flat[0]).any():
            continue
        stream = generator(seed, f"lab:{name}")
        role = roles.get(name, "")
        if role == "running_var" or name.endswith("running_var"):
            value = stream.uniform(*SCALE, array.shape)
        elif role == "running_mean" or name.endswith(("running_mean", "bias")) or role.startswith("bias"):
            value = stream.normal(0.0, SHIFT, array.shape)
        elif array.ndim <= 1 or max(array.shape) == array.size:
            sign = np.where(stream.random(array.shape) < NEGATIVE, -1.0, 1.0)
            value = sign * stream.uniform(*SCALE, array.shape)
        else:
            value = stream.normal(0.0, 1.0 / np.sqrt(max(array[0].size, 1)), array.shape)
        result[name] = value.astype(np.float32).astype(array.dtype)
    return result
