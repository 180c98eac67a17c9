"""What a dialect is: how one public codebase calls its blocks and names their tensors, as tables."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlblocks.backend import State
from nlblocks.errors import InputError, known, meant, said
from nlblocks.specs.base import BlockSpec, Param, Shape

Foreign = str | tuple[str, Shape]
Table = Mapping[str, Foreign]
"""Canonical name or dotted prefix → foreign name or prefix, with the foreign shape (one -1) where it differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One public codebase. ``classes`` holds a function per class, with that class's own signature.

    ``tables`` gives the names of a spec's tensors; ``suffixes`` renames last components (Paddle's BatchNorm buffers);
    ``linear_in_out`` says that Linear weights are [in, out]; tensors that end in ``ignored`` carry no information.
    ``shared`` gives the second names of a spec's tensors that the codebase holds twice: a foreign name or prefix → the
    first one.
    """

    name: str
    source: str
    classes: Mapping[str, Callable[..., BlockSpec]]
    tables: Mapping[type[BlockSpec], Callable[[Any], Table]]
    suffixes: Mapping[str, str] = field(default_factory=dict)
    linear_in_out: bool = False
    ignored: tuple[str, ...] = ()
    shared: Mapping[type[BlockSpec], Callable[[Any], Mapping[str, str]]] = field(default_factory=dict)

    def spec(self, cls: str, **kwargs: Any) -> BlockSpec:
        """The spec of ``cls(**kwargs)`` in this codebase. Raises InputError for what is not covered or not readable."""
        if not isinstance(cls, str) or cls not in self.classes:
            hint = meant(cls, self.classes)
            raise InputError(
                f"dialect {self.name}: class {cls!r} is not covered; it covers {known(self.classes)}{hint}"
            )
        function = self.classes[cls]
        accepted = inspect.signature(function).parameters
        unknown = [name for name in kwargs if name not in accepted]
        missing = [name for name, item in accepted.items() if item.default is item.empty and name not in kwargs]
        for problem, found in (("unexpected", unknown), ("missing", missing)):
            if found:
                hint = meant(found[0], accepted) if found is unknown else ""
                raise InputError(
                    f"dialect {self.name}: {cls}: {known(found)} is {problem}; the class takes {known(accepted)}{hint}"
                )
        try:
            return function(**kwargs)
        except InputError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # of another type, none
            given = ", ".join(f"{name}={said(value)}" for name, value in kwargs.items())
            raise InputError(f"dialect {self.name}: {cls}({given}) cannot be: {error}") from error

    def to_canonical(self, spec: BlockSpec, foreign_state: Mapping[str, Any]) -> State:
        """The canonical state of ``spec`` from this codebase's tensors; values keep their dtype, bit for bit.

        Raises InputError that lists every tensor that is missing, unexpected or mis-shaped.
        """
        self._check(spec, foreign_state)
        problems, state, used = [], {}, set()
        for param, (name, shape) in self.rows(spec).items():
            used.add(name)
            if name not in foreign_state:
                problems.append(f"{name} is missing")
                continue
            array = np.asarray(foreign_state[name])
            if array.shape != shape:
                problems.append(f"{name} has shape {array.shape}, not {shape}")
                continue
            state[param.name] = (array.T if self.turns(param, shape) else array).reshape(param.shape)
        for second, first in self.seconds(spec).items():
            used.add(second)
            if second not in foreign_state:
                problems.append(f"{second} is missing")
            elif first in foreign_state and not _same_bits(foreign_state[second], foreign_state[first]):
                problems.append(f"{second} is not equal to {first}, with which it is shared")
        unused = [name for name in foreign_state if name not in used]
        problems += [f"{name} is unexpected" for name in unused if not name.endswith(self.ignored)]
        if problems:
            raise InputError(f"dialect {self.name}, {type(spec).__name__}: {'; '.join(problems)}")
        return state

    def from_canonical(self, spec: BlockSpec, state: Mapping[str, Any]) -> State:
        """This codebase's tensors from a canonical state: the reverse of :meth:`to_canonical`."""
        self._check(spec, state)
        foreign = self.rows(spec)
        problems = [f"{param.name} is missing" for param in foreign if param.name not in state]
        names = {param.name for param in foreign}
        problems += [f"{name} is unexpected" for name in state if name not in names]
        problems += [
            f"{param.name} has shape {np.shape(state[param.name])}, not {param.shape}"
            for param in foreign
            if param.name in state and np.shape(state[param.name]) != param.shape
        ]
        if problems:
            raise InputError(f"dialect {self.name}, {type(spec).__name__}: {'; '.join(problems)}")
        arrays = {param: np.asarray(state[param.name]) for param in foreign}
        found = {
            name: np.array((arrays[param].T if self.turns(param, shape) else arrays[param]).reshape(shape))
            for param, (name, shape) in foreign.items()
        }
        return found | {second: found[first].copy() for second, first in self.seconds(spec).items()}

    def _check(self, spec: BlockSpec, state: object) -> None:
        if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
            raise InputError(
                f"dialect {self.name}, {type(spec).__name__}: expected a dict of tensors by name, received "
                f"{type(state).__name__}{' with keys that are no names' if isinstance(state, Mapping) else ''}"
            )

    def turns(self, param: Param, shape: Shape) -> bool:
        """Whether a tensor of the foreign ``shape`` is held transposed; a convolution in a Linear's place is not."""
        return self.linear_in_out and param.layout == "linear" and len(shape) == 2

    def rows(self, spec: BlockSpec) -> dict[Param, tuple[str, Shape]]:
        """Foreign name and shape of each parameter."""
        if type(spec) not in self.tables:
            covered = known(cls.__name__ for cls in self.tables)
            raise InputError(f"dialect {self.name} has no {type(spec).__name__}; it has {covered}")
        table = self.tables[type(spec)](spec)
        return {param: self._look_up(table, param, spec) for param in spec.params()}

    def seconds(self, spec: BlockSpec) -> dict[str, str]:
        """The second foreign name of each tensor that the codebase holds under two, with the first."""
        table = self.shared[type(spec)](spec) if type(spec) in self.shared else {}
        firsts = [name for name, _ in self.rows(spec).values()] if table else []
        return {
            second + name.removeprefix(first): name
            for second, first in table.items()
            for name in firsts
            if f"{name}.".startswith(f"{first}.")
        }

    def _look_up(self, table: Table, param: Param, spec: BlockSpec) -> tuple[str, Shape]:
        prefix, rest = param.name, ""
        while prefix not in table:
            prefix, dot, last = prefix.rpartition(".")
            if not dot:
                raise InputError(f"dialect {self.name}, {type(spec).__name__}: its table has no row for {param.name}")
            rest = f".{self.suffixes.get(last, last)}{rest}"
        row = table[prefix]
        name, shape = row if isinstance(row, tuple) else (row, self._turn_shape(param))
        if -1 in shape:
            free = math.prod(param.shape) // math.prod(n for n in shape if n != -1)
            shape = tuple(free if n == -1 else n for n in shape)
        return name + rest, shape

    def _turn_shape(self, param: Param) -> Shape:
        return param.shape[::-1] if self.linear_in_out and param.layout == "linear" else param.shape


def _same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays have the same shape, dtype and bits, NaN and signed zeros included."""
    one, other = np.asarray(one), np.asarray(other)
    return (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())


def under(prefix: str, table: Table) -> dict[str, Foreign]:
    """The table of a block that both sides hold under the same dotted prefix."""
    rows: dict[str, Foreign] = {}
    for name, row in table.items():
        rows[f"{prefix}.{name}"] = (f"{prefix}.{row[0]}", row[1]) if isinstance(row, tuple) else f"{prefix}.{row}"
    return rows


def pointwise(ours: str, theirs: str, width: int) -> dict[str, Foreign]:
    """The rows of a Linear that takes ``width`` features, which the codebase holds as a 1×1 convolution in 2D."""
    return {f"{ours}.weight": (f"{theirs}.weight", (-1, width, 1, 1)), f"{ours}.bias": f"{theirs}.bias"}


def refuse_unless(dialect: str, spec: BlockSpec, **fields: tuple[Any, ...]) -> None:
    """Raise InputError where a field of the spec is not among the values that the codebase can express."""
    for name, values in fields.items():
        if getattr(spec, name) not in values:
            raise InputError(
                f"dialect {dialect}: {type(spec).__name__} has {name}={getattr(spec, name)!r}; "
                f"this codebase has {known(values)} only"
            )


def one_extent(dialect: str, name: str, value: Any) -> int:
    """The extent that a codebase takes as one number or as one for each axis; InputError where the axes differ."""
    if isinstance(value, tuple | list) and len(set(value)) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"dialect {dialect}: {name}={value!r} must be one int; an extent for each axis is not covered")
    return value
