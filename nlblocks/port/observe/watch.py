"""Run Python with watchers: modules under given folders are imported with them, and what they see is recorded."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import logging
import math
import sys
from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Protocol, cast

from nlblocks.port.observe.instrument import CALLED, DECORATOR, ENTERED, GAVE, LOOKED, Site, instrumented, source_of
from nlblocks.port.observe.record import FileRecord, Place, Record, Seen

PLAIN = (bool, int, float, str, type(None))
SMALL = 12
"""Items of a list that is kept as a value; longer ones say only that they are lists."""


class Naming(Protocol):
    """What the watcher asks of the framework that it watches."""

    def kind(self, value: Any) -> str:
        """What a value is, e.g. "Tensor", "Layer:paddle.nn.Conv2D"; "" for what is not the framework's."""

    def name(self, value: Any) -> str:
        """The public name of one of the framework's functions and classes; "" for anything else."""

    def put(self, modules: Container[str]) -> dict[str, str]:
        """The framework's names under which these modules had put something of their own: "module:name"."""

    def built(self, value: Any, place: Place) -> None:
        """Remember where a layer or an initialiser was built, to tell the rank of what it is called with."""


class Watcher:
    """Fills a :class:`Record`. ``naming`` is the framework's."""

    def __init__(self, naming: Naming) -> None:
        self.naming, self.record = naming, Record()
        self.busy = False

    def run(self, source: str, module: str, path: str, namespace: dict[str, Any]) -> None:
        """Execute a file's source as a module, watched."""
        tree, sites = instrumented(source, path)
        namespace.update(self._functions(self.record.of(module), sites))
        self.record.files[module] = path
        exec(compile(tree, path, "exec", dont_inherit=True), namespace)

    def run_again(self, module: ModuleType) -> None:
        """Execute a module that was imported before there was a watcher, watched: its definitions are new ones."""
        path = Path(module.__file__ or "")
        self.run(path.read_text(encoding="utf-8"), module.__name__, str(path), vars(module))

    def finish(self) -> None:
        """Note what the watched modules put into the framework, and which of their variables hold a logger."""
        self.record.put = self.naming.put(self.record.files)
        for name, found in self.record.modules.items():
            for variable, value in vars(sys.modules.get(name, ModuleType(name))).items():
                if isinstance(value, logging.Logger):
                    found.loggers[variable] = value.name
                elif type(value).__module__ in self.record.files:
                    held = (told(value, "__dict__") or {}).values()
                    names = [one.name for one in held if isinstance(one, logging.Logger)]
                    if len(names) == 1:
                        found.own_loggers[variable] = names[0]

    def _functions(self, found: FileRecord, sites: Sequence[Site]) -> dict[str, Callable[..., Any]]:
        places = found.places

        def called(number: int, function: Any, /, *arguments: Any, **named: Any) -> Any:
            if self.busy:  # looking at an object runs code of its own
                return function(*arguments, **named)
            place = places.setdefault(sites[number], Place())
            self.busy = True
            try:
                place.callees.add(self.callee(function))
                place.beforehand.add(isinstance(function, functools.partial))
                for index, value in enumerate(arguments):
                    self.see(place.arguments.setdefault(str(index), Seen()), value)
                for name, value in named.items():
                    self.see(place.arguments.setdefault(name, Seen()), value)
            finally:
                self.busy = False
            result = function(*arguments, **named)
            self.busy = True
            try:
                self._gave(place, function, arguments, named, result)
            finally:
                self.busy = False
            return result

        def looked(number: int, value: Any, /) -> Any:
            if not self.busy:
                place = places.setdefault(sites[number], Place())
                self.busy = True
                try:
                    self.see(place.receiver, value)
                finally:
                    self.busy = False
            return value

        def gave(number: int, argument: Any, result: Any, /) -> Any:
            place = places.setdefault(sites[number], Place())
            self.see(place.arguments.setdefault("0", Seen()), argument)
            self.see(place.result, result)
            if isinstance(argument, str) and self.naming.name(result):
                place.names[argument] = self.naming.name(result)
            return result

        def decorator(number: int, function: Any, /) -> Callable[[Any], Any]:
            def decorated(defined: Any) -> Any:
                place = places.setdefault(sites[number], Place())
                place.callees.add(self.callee(function))
                held = _held(defined)
                result = function(defined)
                place.same = result is defined and held == _held(defined)
                return result

            return decorated

        def entered(line: int) -> None:
            if not self.busy:
                found.entered.add(line)

        return {CALLED: called, LOOKED: looked, GAVE: gave, DECORATOR: decorator, ENTERED: entered}

    def _gave(self, place: Place, function: Any, arguments: Any, named: Any, result: Any) -> None:
        """Note what a call gave."""
        self.see(place.result, result)
        if function is getattr and isinstance(arguments[1], str) and self.naming.name(result):
            place.names[arguments[1]] = self.naming.name(result)
        if len(arguments) == 1 and not named and place.same is not False:
            place.same = result is arguments[0]
        self.naming.built(result, place)

    def see(self, seen: Seen, value: Any) -> None:
        kind = self.naming.kind(value)
        if kind:
            seen.add(kind)
            rank = told(value, "ndim")
            if isinstance(rank, int):
                seen.ranks.add(rank)
        elif type(value) in PLAIN:
            kind = "None" if value is None else type(value).__name__
            seen.add(kind, value, plain=_is_plain(value))
        elif issubclass(type(value), list | tuple):
            base = list if issubclass(type(value), list) else tuple
            name, items = base.__name__, list(base.__iter__(value))
            plain = len(items) <= SMALL and _is_plain(value)
            inner = {self.naming.kind(item) or type(item).__name__ for item in items[:SMALL]}
            kept = deepcopy(value) if plain else None
            seen.add(f"{name}[{', '.join(sorted(inner))}]", kept, plain=plain)
        else:
            seen.add(self._other(value))

    def callee(self, function: Any) -> str:
        """The name of what is called: a framework's API, a method of a kind, or a definition of some module."""
        if issubclass(type(function), functools.partial):
            return self.callee(function.func)
        name = self.naming.name(function)
        if name:
            return name
        owner = told(function, "__self__")
        own = told(function, "__module__") in self.record.modules  # put onto the framework's class by the module
        if owner is not None and not own and not issubclass(type(owner), ModuleType):
            kind = self.naming.kind(owner)
            if kind:
                return f"{kind}.{told(function, '__name__') or '?'}"
        if self.naming.kind(function):
            return self.naming.kind(function)
        return f"{told(function, '__module__') or ''}:{told(function, '__qualname__') or type(function).__name__}"

    def _other(self, value: Any) -> str:
        name = self.naming.name(value)
        if name:
            return f"api:{name}"
        if issubclass(type(value), type):
            return f"class:{told(value, '__module__')}:{told(value, '__qualname__')}"
        if issubclass(type(value), ModuleType):
            return f"module:{told(value, '__name__')}"
        return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def told(value: Any, name: str) -> Any:
    """An attribute of an object; None where it has none. No code runs that its class has for looking attributes up."""
    if not _looks_up(cast(Hashable, type(value))):
        return getattr(value, name, None)
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return None


def _held(defined: Any) -> dict[str, int]:
    """What a class or a function holds, its docstring left out: which object under which name."""
    return {name: id(value) for name, value in getattr(defined, "__dict__", {}).items() if name != "__doc__"}


@functools.cache
def _looks_up(kind: Any) -> bool:
    """Whether a class has Python code for attributes."""
    hooks = (vars(base).get(hook) for base in kind.__mro__ for hook in ("__getattr__", "__getattribute__"))
    return any(isinstance(hook, FunctionType) for hook in hooks)


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)
    return type(value) in PLAIN and (not isinstance(value, float) or math.isfinite(value))


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a file with watchers, and no compiled code of it from a cache."""

    def __init__(self, watcher: Watcher, name: str, path: str) -> None:
        super().__init__(name, path)
        self.watcher = watcher

    def get_code(self, fullname: str) -> CodeType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.watcher.run(source_of(Path(self.path)), module.__name__, self.path, module.__dict__)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and loads those under the folders with watchers."""

    def __init__(self, watcher: Watcher, folders: Sequence[Path]) -> None:
        self.watcher, self.folders = watcher, [folder.resolve() for folder in folders]

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        origin = Path(spec.origin or "").resolve()
        if not any(origin.is_relative_to(folder) for folder in self.folders):
            return None
        spec.loader = _Loader(self.watcher, name, str(origin))
        return spec


@contextmanager
def watched_imports(watcher: Watcher, folders: Sequence[Path]) -> Iterator[None]:
    """Within, modules that lie under the folders are imported with watchers.

    The finder stands behind those that were put in front before, so that stand-ins still answer first.
    """
    finder = _Finder(watcher, folders)
    places = [index for index, other in enumerate(sys.meta_path) if other is importlib.machinery.PathFinder]
    sys.meta_path.insert(places[0] if places else len(sys.meta_path), finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
