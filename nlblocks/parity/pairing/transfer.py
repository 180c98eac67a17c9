"""Weights from one model into another, by the meaning of each tensor; random where fresh ones would hide faults."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.init import generator
from nlblocks.parity.pairing.pair import Pairing, Ref


def canonical(ref: Ref, state: Mapping[str, Array]) -> Array:
    """The tensor that a reference means, as [out, in]."""
    array = state[ref.name]
    if ref.rows is not None:
        start, stop = ref.rows
        array = array[:, start:stop] if ref.transposed and array.ndim == 2 else array[start:stop]
    return array.T if ref.transposed else array


def moved(pairing: Pairing, source: State, target: State) -> State:
    """The right model's state with the left's values in it; tensors of another size are left as they are.

    A tensor that is a whole one on both sides is a view of the left's.
    """
    result, own = dict(target), set[str]()
    for left, right, *_ in pairing.roles():
        value = canonical(left, source)
        if right.rows is None and value.size == target[right.name].size:
            result[right.name] = _written(value, right, target[right.name].shape)
            continue
        if right.name not in own:
            result[right.name] = np.array(target[right.name])
            own.add(right.name)
        place = canonical(right, result)  # a view into the result
        if value.size == place.size:
            place[...] = value.reshape(place.shape)
    return result


def mirrored(pairing: Pairing, values: State, target: State) -> State:
    """Arrays by the right model's names (gradients, buffers) under the left's names and layouts, where paired.

    A tensor that is a whole one on both sides is a view of the right's; rows without a partner are NaN.
    """
    result, own = State(), set[str]()
    for left, right, *_ in pairing.roles():
        if right.name not in values or left.name not in target:
            continue
        value, shape = canonical(right, values), target[left.name].shape
        if left.rows is None and value.size == target[left.name].size:
            result[left.name] = _written(value, left, shape)
            continue
        if left.name not in own:
            result[left.name] = np.full(shape, np.nan)
            own.add(left.name)
        place = canonical(left, result)
        if value.size == place.size:
            place[...] = value.reshape(place.shape)
    return result


def _written(value: Array, ref: Ref, shape: tuple[int, ...]) -> Array:
    """A canonical tensor in the layout of its place: a view where that can be."""
    return value.reshape(ref.shape).T if ref.transposed else value.reshape(shape)


def randomised(pairing: Pairing, state: State, seed: int) -> State:
    """The state with every constant tensor (zero gates, gammas of one, fresh statistics, zero biases) made random.

    Tensors that hold distinct values stay as they are. Values are such as float32 holds.
    """
    roles = {ref.name: role for unit, _ in pairing.pairs for role, ref in unit.refs.items()}
    for unit in pairing.left_only:
        roles |= {ref.name: role for role, ref in unit.refs.items()}
    result = dict(state)
    for name, array in state.items():
        if not array.size or (array != array.flat[0]).any():
            continue
        stream = generator(seed, f"lab:{name}")
        role = roles.get(name, "")
        if role == "running_var" or name.endswith("running_var"):
            value = stream.uniform(0.5, 1.5, array.shape)
        elif role == "running_mean" or name.endswith(("running_mean", "bias")) or role.startswith("bias"):
            value = stream.normal(0.0, 0.2, array.shape)
        elif array.ndim <= 1 or max(array.shape) == array.size:
            sign = np.where(stream.random(array.shape) < 0.2, -1.0, 1.0)
            value = sign * stream.uniform(0.5, 1.5, array.shape)
        else:
            value = stream.normal(0.0, 1.0 / np.sqrt(max(array[0].size, 1)), array.shape)
        result[name] = value.astype(np.float32).astype(array.dtype)
    return result


def states(
    pairing: Pairing, own: tuple[State, State], seed: int, *, randomise: bool, transfer: bool
) -> tuple[State, State]:
    """What the left and the right are run with: their own states, made random where constant, the left's moved."""
    left, right = (randomised(pairing, state, seed) if randomise else state for state in own)
    return left, moved(pairing, left, right) if transfer else own[1]
