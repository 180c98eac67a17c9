"""What both models are run on: arrays, and the names of the arguments that take them."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError, known
from nlblocks.init import check_seed, generator

Targets = Collection[int | str] | int | str
"""Inputs that are targets, by position or name."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Float64, complex128 or integer arrays, their ``names`` where there are any, and the seed of what was drawn.

    ``targets`` are the positions of what a loss compares with: exact data, of which no gradient is wanted.
    """

    arrays: tuple[Array, ...]
    names: tuple[str, ...]
    seed: int
    targets: frozenset[int] = frozenset()

    @classmethod
    def of(cls, given: Any, seed: int, targets: Targets = ()) -> Inputs:
        """Inputs from an array, a shape, a tuple of these, or a dict of them by name. Raises InputError for others."""
        check_seed(seed)
        names, values = _named(given)
        arrays = _arrays(values, seed)
        return cls(arrays, names, seed, _positions(targets, names, len(arrays)))

    def called(self, position: int) -> str:
        """An input as it is said."""
        return self.names[position] if self.names else f"input {position}"

    @property
    def words(self) -> str:
        """Shapes and dtypes: ``[2, 3, 8, 8] float64``."""
        return ", ".join(f"{list(array.shape)} {array.dtype}" for array in self.arrays)

    def of_other_width(self) -> Iterator[tuple[Inputs, str]]:
        """The inputs with integers of 32 bits for 64 and the other way round, in words: one input, then all of them."""
        widths = {"int64": "int32", "int32": "int64"}
        places = [i for i, array in enumerate(self.arrays) if array.dtype.name in widths]
        for chosen in [[i] for i in places] + ([places] if len(places) > 1 else []):
            changed = {i: widths[self.arrays[i].dtype.name] for i in chosen}
            fits = all(np.array_equal(self.arrays[i], self.arrays[i].astype(dtype)) for i, dtype in changed.items())
            if fits:
                arrays = (a.astype(changed[i]) if i in changed else a for i, a in enumerate(self.arrays))
                words = " and ".join(f"{self.called(i)} as {dtype}" for i, dtype in changed.items())
                yield replace(self, arrays=tuple(arrays)), words

    @property
    def ungraded(self) -> str:
        """What is said of the targets that could have a gradient; "" where none could."""
        found = [self.called(i) for i in sorted(self.targets) if self.arrays[i].dtype.kind in "fc"]
        return f"the gradient of {', '.join(found)}: a target, which a loss compares with" if found else ""

    def keywords(self, models: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """The keywords to pass the inputs by to each model (by its side); none where they are passed in order.

        Names that no model knows, and the name of a single input, say nothing: the order counts. Raises InputError
        where one model knows the names and another does not, so that an order would be a guess.
        """
        names = self.names
        unknown = {side: [name for name in names if not _accepts(model, name)] for side, model in models.items()}
        if len(names) == 1:
            return {side: () if unknown[side] else names for side in models}
        if all(len(found) == len(names) for found in unknown.values()):
            return dict.fromkeys(models, ())
        for side, found in unknown.items():
            if found:
                raise InputError(
                    f"the inputs are named {known(names)}, but {_signature(models[side])} of the {side} model has no "
                    f"{known(found)}; name them as both models do, or leave the names out to pass them in order"
                )
        return dict.fromkeys(models, names)


def _positions(targets: Targets, names: Sequence[str], count: int) -> frozenset[int]:
    """The positions of targets given by these or by name. Raises InputError where there is no such input."""
    listed = [targets] if isinstance(targets, str | int) else list(targets)
    found = set()
    for target in listed:
        position = names.index(target) if target in names else target
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < count:
            there = f"named {known(names)}" if names else f"numbered 0 to {count - 1}"
            raise InputError(f"targets: {target!r} is no input; the inputs are {there}")
        found.add(position)
    return frozenset(found)


def _named(inputs: Any) -> tuple[tuple[str, ...], Any]:
    """The names of named inputs, and the inputs without them."""
    if not isinstance(inputs, Mapping):
        return (), inputs
    if not all(isinstance(name, str) for name in inputs):
        raise InputError(f"inputs has keys {list(inputs)}; name each input as the model's forward does")
    return tuple(inputs), tuple(inputs.values())


def _accepts(model: Any, name: str) -> bool:
    try:
        parameters = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return False
    found = parameters.get(name)
    if found is not None:
        return found.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _signature(model: Any) -> str:
    names = ", ".join(str(p).partition(":")[0] for p in inspect.signature(model.forward).parameters.values())
    return f"forward({names})"


def _arrays(inputs: Any, seed: int = 0) -> tuple[Array, ...]:
    """Inputs as arrays: an array, a tuple of arrays, or the shape of one random input.

    Raises InputError where they are none of these.
    """
    if isinstance(inputs, tuple | list) and inputs and all(isinstance(n, int | np.integer) for n in inputs):
        if any(n < 1 for n in inputs):
            raise InputError(f"inputs={list(inputs)}: a shape needs whole numbers of at least 1")
        drawn = generator(seed, "lab:input").normal(size=tuple(int(n) for n in inputs))
        return (drawn.astype(np.float32).astype(np.float64),)
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    if not given:
        raise InputError("inputs is empty; give an array, a tuple of arrays, or a shape such as (2, 3, 224, 224)")
    arrays: list[Array] = []
    for index, value in enumerate(given):
        if isinstance(value, tuple | list) and value and all(isinstance(n, int) for n in value):
            arrays += _arrays(tuple(value), seed + index)
            continue
        array = _array(value, index)
        if array.dtype.kind not in "fciub":
            raise InputError(
                f"inputs[{index}] has dtype {array.dtype}; give arrays of numbers, or a shape such as (2, 3, 224, 224)"
            )
        if not array.size:
            raise InputError(
                f"inputs[{index}] has shape {list(array.shape)} and holds nothing; nothing could be compared"
            )
        if not np.isfinite(array).all():
            raise InputError(f"inputs[{index}] holds NaN or infinity; nothing could be compared")
        arrays.append(array.astype(np.result_type(array, np.float64)) if array.dtype.kind in "fc" else array)
    return tuple(arrays)


def _array(value: Any, index: int) -> Array:
    try:
        if hasattr(value, "resolve_conj"):  # torch keeps a conjugate as a mark on the tensor
            value = value.resolve_conj().resolve_neg()
        return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") and hasattr(value, "cpu") else value)
    except Exception as error:  # whatever a foreign object's conversion raises
        text = f"inputs[{index}] is a {type(value).__name__}, which is no array: {' '.join(str(error).split())}"
        raise InputError(f"{text}; give arrays of numbers, or a shape") from None
