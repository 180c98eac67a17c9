"""What a model holds beside its parameters, read before a run and put back after it, whatever the run did to it.

Read are the modules' attributes and the plain containers, arrays, random generators and objects that are reached from
them, each shallowly: no tensor is copied here. What hides its state (an iterator, a file) cannot be put back; where it
can be seen to have moved, that is said.
"""

from __future__ import annotations

import array
import itertools
import operator
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from io import IOBase
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from nlblocks.parity.recording.framework import Framework

ATOMS = (
    str, bytes, int, float, complex, type(None), type, FunctionType, BuiltinFunctionType, MethodType, ModuleType, Enum,
    np.generic, np.dtype, property, staticmethod, classmethod,
)  # fmt: skip
"""What holds nothing that a run could change, or nothing of the model's."""
SHARED = frozenset(sys.stdlib_module_names) - {"types", "argparse", "collections", "dataclasses"}
"""Packages whose objects (locks, loggers, threads) belong to the process: they are not looked into."""


@dataclass(slots=True)
class Known:
    """What the runs of one model have in common, for it is put back after each: read in the first, kept for the next.

    ``dtype`` is the model's own, ``described`` are the fields of a trace that say what it is, ``snapshot`` is what it
    holds; empty where that has to be read. Nobody else may change the model while this is kept.
    """

    dtype: str = ""
    described: dict[str, Any] | None = None
    snapshot: Snapshot | None = None


class Snapshot:
    """What the modules of a model hold, and the model's own classes; ``restore`` puts it back."""

    def __init__(self, framework: Framework, model: Any) -> None:
        self._framework = framework
        self.parameters = list(framework.parameters(model))
        self._own = {id(tensor) for tensor in self.parameters}
        self.names = {id(tensor): name for name, tensor in framework.named(model).items()}
        """The names of parameters and buffers, by identity."""
        self._holders: dict[int, _Holder] = {}
        self._exchanging: list[_Holder] | None = None  # those that hold such tensors, once that is known
        self._undo: list[Callable[[], object]] = []
        self._hidden: list[tuple[str, Any, Any]] = []
        self._seen: dict[int, Any] = {}
        self.tensors: dict[int, Any] = {}
        """Every tensor that was reached, by identity: there before the run."""
        self.modules = modules = framework.modules(model)
        for path, module in modules.items():
            self._walk(path or type(model).__name__, module)
        for cls in {cls for module in modules.values() for cls in type(module).__mro__}:
            if cls.__module__.partition(".")[0] not in (framework.name, "builtins", "abc", "typing", "nlblocks"):
                self._class(cls)

    def exchange(self, own: Callable[[Any], Any]) -> None:
        """Put ``own(tensor)`` in the place of every tensor that is held and no parameter of the model."""
        change = partial(self._exchanged, own)
        if self._exchanging is None:
            self._exchanging = [holder for holder in self._holders.values() if holder.exchange(change)]
        else:
            for holder in self._exchanging:
                holder.exchange(change)

    def restore(self) -> list[str]:
        """Put everything back; what could not be is returned: ``attribute batches of encoder``."""
        lost = []
        for path, value, before in self._hidden:
            if _position(value) != before:
                lost.append(_named(path))
        for holder in self._holders.values():
            holder.restore()
        for undo in self._undo:
            undo()
        return lost

    def _walk(self, path: str, found: Any) -> None:
        """Read a value and all that is reached from it."""
        stack = [(path, found)]
        while stack:
            path, value = stack.pop()
            if id(value) in self._seen or (isinstance(value, ATOMS) and not isinstance(value, _HELD)):
                continue
            self._seen[id(value)] = value
            if isinstance(value, self._framework.tensor_type):
                self.tensors[id(value)] = value
                if id(value) not in self._own:
                    continue  # a private copy takes its place
            stack += self._read(path, value)

    def _read(self, path: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Keep what an object holds, and give that by path."""
        if isinstance(value, tuple | frozenset):
            yield from ((path, item) for item in value)
            return
        holder = _Holder.of(value)
        if holder is not None:
            self._holders[id(value)] = holder
            yield from ((path, item) for item in holder.values())
        put = _state(value)
        if put is not None:
            self._undo.append(put)
        held = getattr(value, "__dict__", None) if self._open(value) else None
        if isinstance(held, dict):
            self._seen[id(held)] = held
            self._holders[id(held)] = _Holder(held)
            yield from ((f"{path}\0{name}", item) for name, item in held.items())
        slots = _slots(value) if self._open(value) else {}
        if slots:
            self._undo.append(partial(_fill, value, slots))
            yield from ((f"{path}\0{name}", item) for name, item in slots.items())
        if holder is None and put is None and held is None and not slots:
            position = _position(value)
            if position is not None:
                self._hidden.append((path, value, position))

    def _open(self, value: Any) -> bool:
        """Whether an object's attributes are the model's: those of modules, parameters and classes of the user's."""
        if isinstance(value, (self._framework.model_type, SimpleNamespace)) or id(value) in self._own:
            return True
        package = type(value).__module__.partition(".")[0]
        return package != self._framework.name and package not in SHARED

    def _class(self, cls: type) -> None:
        """What a model's class holds for all its objects: counters, caches."""

        def data() -> dict[str, Any]:
            found = {name: value for name, value in vars(cls).items() if not name.startswith(("__", "_abc_"))}
            return {name: value for name, value in found.items() if not hasattr(type(value), "__get__")}

        before = data()

        def put() -> None:
            now = data()
            for name in now.keys() - before.keys():
                delattr(cls, name)
            for name, value in before.items():
                if now.get(name, self) is not value:
                    setattr(cls, name, value)

        self._undo.append(put)
        for name, value in before.items():
            self._walk(f"{cls.__name__}\0{name}", value)

    def _exchanged(self, own: Callable[[Any], Any], value: Any) -> Any:
        if isinstance(value, self._framework.tensor_type):
            return value if id(value) in self._own else own(value)
        if type(value) is tuple and any(isinstance(item, (tuple, self._framework.tensor_type)) for item in value):
            return tuple(self._exchanged(own, item) for item in value)
        return value


class _Holder:
    """A plain container, and what was in it."""

    __slots__ = ("_before", "_kind", "_marks", "_value")

    def __init__(self, value: Any) -> None:
        self._value = value
        self._kind: Any = next(kind for kind in _PLAIN if isinstance(value, kind))
        self._before = list(dict.items(value)) if isinstance(value, dict) else list(value)
        self._marks = self._now()

    @classmethod
    def of(cls, value: Any) -> _Holder | None:
        return cls(value) if isinstance(value, _PLAIN) else None

    def values(self) -> list[Any]:
        return self._before if not isinstance(self._value, dict) else [item for _, item in self._before]

    def _now(self) -> tuple[list[int], ...]:
        """Which objects it holds, in order: what was in it before is kept, so that no other has its identity."""
        value = self._value
        if isinstance(value, dict):
            return list(map(id, dict.keys(value))), list(map(id, dict.values(value)))
        return (list(map(id, value)),)

    def exchange(self, change: Callable[[Any], Any]) -> bool:
        """Change what it holds; whether there was anything to change."""
        value, changed = self._value, False
        if isinstance(value, dict):
            for name, item in self._before:
                new = change(item)
                if new is not item:
                    dict.__setitem__(value, name, new)
                    changed = True
        elif isinstance(value, list | deque):
            for index, item in enumerate(self._before):
                new = change(item)
                if new is not item:
                    value[index] = new
                    changed = True
        return changed

    def restore(self) -> None:
        if not (self._before or self._kind.__len__(self._value)) or self._now() == self._marks:
            return
        value = self._value
        if isinstance(value, dict):
            plain: Any = OrderedDict if isinstance(value, OrderedDict) else dict
            plain.clear(value)
            for name, item in self._before:
                plain.__setitem__(value, name, item)
        else:
            plain = self._kind
            plain.clear(value)
            (plain.update if plain is set else plain.extend)(value, self._before)


_PLAIN = (dict, list, set, deque)
_HELD = (*_PLAIN, tuple, frozenset)


def _state(value: Any) -> Callable[[], object] | None:
    """What puts an object back that keeps its state to itself and gives it out: an array, a random generator."""
    if isinstance(value, np.ndarray):
        return partial(np.copyto, value, value.copy()) if value.flags.writeable else None
    if isinstance(value, bytearray | array.array):
        return partial(operator.setitem, value, slice(None), value[:])
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.Generator):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    kind = type(value)
    if callable(getattr(kind, "get_state", None)) and callable(getattr(kind, "set_state", None)):
        try:
            return partial(value.set_state, value.get_state())
        except Exception:  # it wants arguments: a method of that name that is something else
            return None
    return None


def _slots(value: Any) -> dict[str, Any]:
    """What an object holds in slots."""
    names = [name for cls in type(value).__mro__ for name in _names(vars(cls).get("__slots__", ()))]
    return {name: getattr(value, name) for name in names if not name.startswith("__") and hasattr(value, name)}


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _fill(value: Any, slots: dict[str, Any]) -> None:
    for name, item in slots.items():
        if getattr(value, name, slots) is not item:
            object.__setattr__(value, name, item)


def _position(value: Any) -> Any:
    """How far an object has come that hides its state: an iterator, a file. None for another, and where it is closed.

    Only Python's own are asked: others may do anything then.
    """
    if isinstance(value, GeneratorType):
        return value.gi_frame.f_lasti if value.gi_frame is not None else -1
    if isinstance(value, IOBase):
        return None if value.closed or not value.seekable() else value.tell()
    if isinstance(value, itertools.count):
        return repr(value)
    if type(value).__module__ != "builtins" or not isinstance(value, Iterator):
        return None
    found = value.__reduce__()
    parts = [part if isinstance(part, tuple) else (part,) for part in found[1:]] if isinstance(found, tuple) else []
    return [item for part in parts for item in part if isinstance(item, int)]


def _named(path: str) -> str:
    owner, _, name = path.rpartition("\0")
    return f"attribute {name} of {owner.replace(chr(0), '.')}" if owner else name
