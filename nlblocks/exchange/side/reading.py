"""How a node is read: which of its inputs are operands, and its attributes as the lab's vocabulary has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlblocks.backend import Array

Operands = Sequence[int | Sequence[int]]
"""Positions among a node's inputs, in the order of the vocabulary; those of a list together."""


@dataclass(frozen=True, slots=True)
class At:
    """One node about to run: its implementation in the evaluator, and the arrays that it takes, None for one left out.

    ``fixed`` says of each input whether it depends on no value of the model's inputs or parameters. ``version`` is the
    opset that the operator's meaning is of.
    """

    op: Any
    version: int
    arrays: Sequence[Array | None]
    fixed: Sequence[bool]

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute: as the node says, or the default; the evaluator's is that of the newest opset."""
        said = default is None or any(attribute.name == name for attribute in self.op.onnx_node.attribute)
        found = getattr(self.op, name, None) if said else default
        return default if found is None else found.item() if isinstance(found, np.generic) else found

    def array(self, position: int) -> Array | None:
        return self.arrays[position] if position < len(self.arrays) else None

    def known(self, position: int) -> Any:
        """The numbers of an input that is fixed, as Python has them; None for one that is left out or computed."""
        array = self.array(position)
        return array.tolist() if array is not None and self.fixed[position] else None

    @property
    def x(self) -> Array:
        """The first operand."""
        found = self.arrays[0]
        assert found is not None
        return found

    @property
    def spatial(self) -> int:
        """How many axes come after batch and channels."""
        return max(self.x.ndim - 2, 1)

    def given(self) -> list[int]:
        """The positions of what is there."""
        return [i for i, array in enumerate(self.arrays) if array is not None]


@dataclass(frozen=True, slots=True)
class Read:
    """A node in the vocabulary. ``name`` is that of its line, where the operator has several."""

    operands: Operands
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


Reader = Callable[[At], Read]


@dataclass(frozen=True, slots=True)
class Row:
    """An operator: its line in the vocabulary, and how its nodes are read.

    ``numbers`` are the attributes that it holds as float32, by their names in the vocabulary. ``shaped`` are the inputs
    that are read as attributes, where they are fixed: they are never parameters.
    """

    line: str
    read: Reader
    numbers: Mapping[str, str] = field(default_factory=dict)
    shaped: frozenset[int] = frozenset()


def plain(at: At) -> Read:
    """All inputs are operands, and there are no attributes."""
    return Read(at.given())


def first(at: At) -> Read:
    """What moves the elements of its first input: where to is seen by what it gives."""
    return Read([0])


def taking(*names: str, **called: str) -> Reader:
    """The inputs, and attributes under their own names or those that they are called."""
    pairs = {**{name: name for name in names}, **called}
    return lambda at: Read(at.given(), {ours: at.attr(theirs) for ours, theirs in pairs.items()})


def listed(at: At) -> Read:
    """Any number of inputs together."""
    return Read([at.given()])


def numbers_of(value: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.ravel(value))
