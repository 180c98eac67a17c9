"""The modules that a port may take from: their statements, what each binds and changes, and what is kept of them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from nlblocks.errors import InputError
from nlblocks.port.observe import Record, Site, source_of
from nlblocks.port.resolve import Module, Program, bound

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Unit:
    """One statement at the top of a module: the lines it covers, the names that it binds, and those it changes."""

    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]

    @cached_property
    def lines(self) -> tuple[int, int]:
        decorators = getattr(self.node, "decorator_list", [])
        first = min([self.node.lineno, *(d.lineno for d in decorators)])
        return first, self.node.end_lineno or first

    @cached_property
    def parts(self) -> list[tuple[ast.AST, frozenset[str]]]:
        """What the statement is made of, a class's methods apart, each with the attributes and texts that it reads."""
        parts = list(ast.iter_child_nodes(self.node)) if isinstance(self.node, ast.ClassDef) else [self.node]
        return [(part, frozenset(_read(part))) for part in parts]

    @cached_property
    def functions(self) -> dict[str, list[Unit]]:
        """The methods of a class, by name: a property and its setter, and other choices, have one name."""
        found: dict[str, list[Unit]] = {}
        for node in self.node.body if isinstance(self.node, ast.ClassDef) else ():
            if isinstance(node, Function):
                found.setdefault(node.name, []).append(Unit(node, frozenset([node.name]), frozenset()))
        return found


@dataclass(frozen=True, slots=True)
class Left:
    """A definition that never ran and is not carried: its full name, its line, and why; ``stub`` where it raises."""

    name: str
    line: int
    why: str
    stub: bool


@dataclass
class Wanted:
    """What is kept of one module: its units by the line that each starts on, and the imported names that are used.

    ``exports`` are imported names that other modules take from here; ``dropped`` decorators that are left out;
    ``methods`` of kept classes that are left out, by each line that they start on; ``names`` of what is left out
    elsewhere and named here.
    """

    module: Module
    lines: set[int] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    exports: set[str] = field(default_factory=set)
    dropped: set[Site] = field(default_factory=set)
    methods: dict[int, Left] = field(default_factory=dict)
    names: dict[str, Left] = field(default_factory=dict)

    def copy(self) -> Wanted:
        """To add to, on trial."""
        return replace(
            self, lines=set(self.lines), imports=set(self.imports), exports=set(self.exports), dropped=set(self.dropped)
        )


class Sources:
    """Modules by name: those that were run, and those under the folders that were not."""

    def __init__(self, record: Record, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.put = record.put
        self.program = Program({})
        self._absent: set[str] = set()
        self._units: dict[str, list[Unit]] = {}
        for name, path in record.files.items():
            self._add(name, Path(path))

    def module(self, name: str) -> Module | None:
        """The module of a name; None where it is none of the ported ones."""
        if name in self._absent:
            return None
        if name not in self.program.modules:
            path = self._find(name)
            if path is None:
                self._absent.add(name)
                return None
            self._add(name, path)
        return self.program.modules[name]

    def units(self, module: Module) -> list[Unit]:
        """The statements at the top of a module."""
        if module.name not in self._units:
            self._units[module.name] = [
                Unit(node, frozenset(bound([node], module.package)), frozenset(_changed(node)))
                for node in module.tree.body
            ]
        return self._units[module.name]

    def definition(self, dotted: str, home: Module | None) -> tuple[Module, str, str] | None:
        """Where a name is defined: the module, the name there, and what is looked up on it; None if not in these."""
        self.split(dotted)  # reads the module
        module, _, rest = self.program.split(self.program.origin(dotted, home))
        name, _, deeper = rest.partition(".")
        return (module, name, deeper) if module is not None and name else None

    def split(self, dotted: str) -> tuple[Module | None, str]:
        """The module that a dotted name lies in, read if need be, and the rest of the name."""
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            module = self.module(".".join(parts[:count]))
            if module is not None:
                return module, ".".join(parts[count:])
        return None, dotted

    def _add(self, name: str, path: Path) -> None:
        try:
            self.program.modules[name] = Module(name, str(path), source_of(path), path.name == "__init__.py")
        except (SyntaxError, ValueError) as error:
            raise InputError(f"{path} is no Python that can be read: {error}") from error

    def _find(self, name: str) -> Path | None:
        inner = Path(*name.split("."))
        for folder in self.folders:
            for path in (folder / inner.with_suffix(".py"), folder / inner / "__init__.py"):
                if path.is_file():
                    return path
        return None


@cache
def is_there(package: str) -> bool:
    """Whether a package is installed, or is Paddle, whose names are translated."""
    return package in ("paddle", "__future__") or importlib.util.find_spec(package) is not None


def within(site: Site, outer: Site) -> bool:
    return outer[:2] <= site[:2] and site[2:] <= outer[2:]


def _read(part: ast.AST) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _changed(node: ast.stmt) -> Iterator[str]:
    """The names whose objects a statement at the top of a module changes."""
    if isinstance(node, ast.If) and _is_main(node):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        if isinstance(function, ast.Attribute):
            yield from _root(function.value)
        elif isinstance(function, ast.Name) and function.id == "setattr" and node.value.args:
            yield from _root(node.value.args[0])
    targets: Iterable[ast.expr] = node.targets if isinstance(node, ast.Assign) else ()
    if isinstance(node, ast.AugAssign):
        targets = [node.target]
    for target in targets:
        if isinstance(target, ast.Subscript | ast.Attribute):
            yield from _root(target)
    if isinstance(node, ast.For | ast.While | ast.With | ast.If | ast.Try):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.stmt):
                yield from _changed(inner)


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _is_main(node: ast.If) -> bool:
    return isinstance(node.test, ast.Compare) and "__name__" in ast.dump(node.test)


def looks_up(nodes: Iterable[ast.AST]) -> bool:
    """Whether what is in a statement finds definitions by text."""
    return any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in ("globals", "eval")
        for inner in nodes
    )
