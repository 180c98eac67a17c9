"""Buffers that no operation showed to be a layer's: which of one model is which of the other, by the layer around them.

Running statistics may be copied before they are used, or not used at all in evaluation, and an average that only
training keeps is used by nothing. What both sides own is paired all the same: it may differ once a pass is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from nlblocks.backend import State
from nlblocks.parity.pairing.names import tokens
from nlblocks.parity.pairing.units import Ref, Unit
from nlblocks.parity.tracing import Trace

Pairs = Sequence[tuple[Unit, Unit]]


def with_buffers(pairs: Pairs, left: Trace, right: Trace) -> list[tuple[Unit, Unit]]:
    """The pairs of units, with the buffers of one name and shape that layers which are partners both own.

    Their role is what the layer calls them. Those of a layer without a partner make a pair of their own, where the
    whole name is the same.
    """
    found = list(pairs)
    joined = [
        (a.refs[role].name, b.refs[role].name, i) for i, (a, b) in enumerate(pairs) for role in a.refs if role in b.refs
    ]
    layers = {_owner(mine): (_owner(theirs), i) for mine, theirs, i in reversed(joined)}
    free = {tokens(ref.name): ref for ref in _free(right, {name for _, name, _ in joined})}
    for ref in _free(left, {name for name, _, _ in joined}):
        owner, place = layers.get(_owner(ref.name), (_owner(ref.name), None))
        other = free.get(tokens(f"{owner}.{_last(ref.name)}"))
        if other is None or other.shape != ref.shape:
            continue
        del free[tokens(other.name)]
        if place is None:
            found.append((_alone(ref), _alone(other)))
        else:
            a, b = found[place]
            role = _last(ref.name)
            if a.refs.get(role, ref).name != ref.name or b.refs.get(role, other).name != other.name:
                role = ref.name
            found[place] = replace(a, refs={**a.refs, role: ref}), replace(b, refs={**b.refs, role: other})
    return found


def unlike(
    roles: Sequence[tuple[Ref, Ref, str, Unit, Unit]], states: tuple[State, State]
) -> Iterator[tuple[str, str, bool]]:
    """The buffers in which two models hold different values of their own, and whether a checkpoint moves them.

    Weights differ between two models that were built; a buffer that is no statistic is often a constant.
    """
    for mine, theirs, role, *_ in roles:
        buffers = mine.buffer and theirs.buffer and not role.startswith("running") and mine.shape == theirs.shape
        if buffers and not np.array_equal(mine.read(states[0]), theirs.read(states[1]), equal_nan=True):
            yield str(mine), str(theirs), not (mine.constant or theirs.constant)


def _owner(name: str) -> str:
    """The layer that a tensor is of."""
    return name.rpartition(".")[0]


def _last(name: str) -> str:
    """What a layer calls a tensor of its own."""
    return name.rpartition(".")[2]


def _free(trace: Trace, taken: Collection[str]) -> Iterator[Ref]:
    """The buffers of a model that are not ``taken``."""
    for name, tensor in trace.state.items():
        if tensor.buffer and name not in taken:
            yield Ref(name, None, False, tensor.shape, buffer=True, constant=not tensor.saved)


def _alone(ref: Ref) -> Unit:
    """A buffer as a unit that no operation is behind."""
    return Unit(kind="tensor", name=ref.name, source=None, output=-1, refs={"weight": ref})
