"""Weights from one model into another, by the meaning of each tensor; random where fresh ones would hide faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Mirrored(Mapping[str, Array]):
    """The right's arrays under the left's names and layouts.

    Of a tensor that only some rows have a partner of, ``known`` tells which elements these are; a whole one is not in
    it. Elsewhere the array holds nothing that means anything.
    """

    arrays: State
    known: Mapping[str, Array]

    def beside(self, name: str, mine: Array) -> tuple[Array, Array]:
        """The left's array and the right's of a name: whole, or in one row the elements that have a partner."""
        known = self.known.get(name)
        return (mine, self.arrays[name]) if known is None else (mine[known], self.arrays[name][known])

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def moved(refs: Refs, source: State, target: State) -> State:
    """The right's state with the left's values in it (:meth:`.pair.Pairing.moved`)."""
    return dict(target) | _written(refs, source, target, lambda whole, value: np.array(whole))[0]


def mirrored(refs: Refs, values: State, target: State) -> Mirrored:
    """The right's values under the left's names and layouts (:meth:`.pair.Pairing.mirrored`)."""
    back = [(right, left) for left, right in refs if right.name in values and left.name in target]
    found, known = _written(back, values, target, lambda whole, value: np.zeros(whole.shape, value.dtype))
    for name in [name for name, mask in known.items() if not mask.any()]:
        del found[name], known[name]  # of another size: no element has a partner
    return Mirrored(found, {name: mask for name, mask in known.items() if not mask.all()})


def _written(
    refs: Refs, source: State, target: State, fresh: Callable[[Array, Array], Array]
) -> tuple[State, dict[str, Array]]:
    """What every first reference names of the source, under the names and in the layouts of the second ones.

    A whole tensor is a view of the source's where that can be. One of which only some rows are given, or that has
    another size, is ``fresh`` (of the target's and what is given) but for these: of such ones also which elements were
    written.
    """
    result, written = State(), State()
    for origin, ref in refs:
        if not origin.fits(ref):
            continue
        value, whole = origin.read(source), target[ref.name]
        if ref.rows is None:
            result[ref.name] = value.reshape(ref.shape).T if ref.transposed else value.reshape(whole.shape)
            continue
        if ref.name not in written:
            result[ref.name] = fresh(whole, value)
            written[ref.name] = np.zeros(whole.shape, bool)
        place = ref.read(result)  # a view into the result
        place[...] = value.reshape(place.shape)
        ref.read(written)[...] = True
    return result, written


def randomised(roles: Mapping[str, tuple[str, bool]], state: State, seed: int) -> State:
    """The state with every constant tensor made random, as its role asks (:meth:`.pair.Pairing.randomised`).

    ``roles`` also tells which are buffers: what was positive there stays so, for a root may be taken of it.
    """
    result = dict(state)
    for name, array in state.items():
        if not array.size or (array != array.flat[0]).any():
            continue
        stream = generator(seed, f"lab:{name}")
        role, buffer = roles.get(name, ("", False))
        if role == "running_var" or name.endswith("running_var"):
            value = stream.uniform(*SCALE, array.shape)
        elif role == "running_mean" or name.endswith(("running_mean", "bias")) or role.startswith("bias"):
            value = stream.normal(0.0, SHIFT, array.shape)
        elif array.ndim <= 1 or max(array.shape) == array.size:
            negative = 0.0 if buffer and (array > 0).all() else NEGATIVE
            sign = np.where(stream.random(array.shape) < negative, -1.0, 1.0)
            value = sign * stream.uniform(*SCALE, array.shape)
        else:
            value = stream.normal(0.0, 1.0 / np.sqrt(max(array[0].size, 1)), array.shape)
        result[name] = value.astype(np.float32).astype(array.dtype)
    return result
