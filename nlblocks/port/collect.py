"""What an entry needs: from its definition on, every definition that is named there or that was seen to be called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nlblocks.errors import InputError
from nlblocks.port.observe import Place, Record, Site, source_of
from nlblocks.port.resolve import Module, Program, bound


@dataclass
class Unit:
    """One statement at the top of a module: the lines it covers, the names that it binds, and those it changes."""

    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]

    @property
    def lines(self) -> tuple[int, int]:
        decorators = getattr(self.node, "decorator_list", [])
        first = min([self.node.lineno, *(d.lineno for d in decorators)])
        return first, self.node.end_lineno or first


@dataclass
class Wanted:
    """What is kept of one module: its units by the line that each starts on, and the imported names that are used.

    ``exports`` are imported names that other modules take from here; ``dropped`` decorators that are left out.
    """

    module: Module
    lines: set[int] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    exports: set[str] = field(default_factory=set)
    dropped: set[Site] = field(default_factory=set)


class Sources:
    """Modules by name: those that were run, and those under the folders that were not."""

    def __init__(self, record: Record, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.program = Program({})
        for name, path in record.files.items():
            self._add(name, Path(path))

    def module(self, name: str) -> Module | None:
        """The module of a name; None where it is none of the ported ones."""
        if name not in self.program.modules:
            path = self._find(name)
            if path is None:
                return None
            self._add(name, path)
        return self.program.modules[name]

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
            module = Module(name, str(path), source_of(path), path.name == "__init__.py")
            _ = module.tree  # read here, once
        except (SyntaxError, ValueError) as error:
            raise InputError(f"{path} is no Python that can be read: {error}") from error
        self.program.modules[name] = module

    def _find(self, name: str) -> Path | None:
        inner = Path(*name.split("."))
        for folder in self.folders:
            for path in (folder / inner.with_suffix(".py"), folder / inner / "__init__.py"):
                if path.is_file():
                    return path
        return None


class Closure:
    """Gathers what is wanted, module by module."""

    def __init__(self, sources: Sources, record: Record) -> None:
        self.sources, self.record = sources, record
        self.wanted: dict[str, Wanted] = {}
        self._units: dict[str, list[Unit]] = {}
        self._queue: list[tuple[Module, str]] = []
        self._done: set[tuple[str, str]] = set()

    def add(self, dotted: str) -> None:
        """Want a definition, and all that it needs."""
        self._refer(dotted, None)
        self._run()

    def _run(self) -> None:
        while self._queue:
            module, name = self._queue.pop()
            self._define(module, name)
            if not self._queue:
                self._changing()
            if not self._queue:
                self._read()

    def _changing(self) -> None:
        """Want the statements that change what is wanted: ``CONFIG["x"] = 1``, ``NAMES.append(...)``."""
        for wanted in list(self.wanted.values()):
            for unit in self.units(wanted.module):
                known = {name for home, name in self._done if home == wanted.module.name}
                known -= self.record.of(wanted.module.name).loggers.keys()  # what is logged changes nothing
                if unit.lines[0] not in wanted.lines and unit.changes & known:
                    self._keep(wanted.module, unit)

    def units(self, module: Module) -> list[Unit]:
        if module.name not in self._units:
            self._units[module.name] = [
                Unit(node, frozenset(bound([node], module.package)), frozenset(_changed(node)))
                for node in module.tree.body
            ]
        return self._units[module.name]

    def _define(self, module: Module, name: str) -> None:
        for unit in self.units(module):
            if name in unit.binds and not isinstance(unit.node, ast.Import | ast.ImportFrom):
                self._keep(module, unit)

    def _keep(self, module: Module, unit: Unit) -> None:
        wanted = self.want(module)
        if unit.lines[0] in wanted.lines:
            return
        wanted.lines |= {unit.lines[0], unit.node.lineno}
        for name in unit.binds:  # other statements may bind it too
            if (module.name, name) not in self._done:
                self._done.add((module.name, name))
                self._queue.append((module, name))
        first, last = unit.lines
        registering = self._registering(module, unit)
        wanted.dropped |= set(registering)
        for site, dotted in module.names.items():
            if first <= site[0] <= last and not any(_within(site, one) for one in registering):
                self._refer(dotted, module)
        self._called(module, first, last)
        if _looks_up(unit.node):
            self._named(module)

    def _registering(self, module: Module, unit: Unit) -> list[Site]:
        """The decorators that gave back what they got: they register it with something of the ported packages."""
        found = self.record.modules.get(module.name)
        sites = []
        for decorator in getattr(unit.node, "decorator_list", []) if found is not None else ():
            site = module.sites.of(decorator)
            place = found.place(site) if found is not None else None
            if (
                place is not None
                and place.same
                and any(c.partition(":")[0] in self.record.files for c in place.callees)
            ):
                sites.append(site)
        return sites

    def _read(self) -> bool:
        """Take back the decorators whose registry something that is kept reads; whether there were any."""
        back = False
        for wanted in list(self.wanted.values()):
            for site in list(wanted.dropped):
                inside = [d for s, d in wanted.module.names.items() if _within(s, site)]
                if any(self._is_read(dotted, wanted.module) for dotted in inside):
                    wanted.dropped.discard(site)
                    for dotted in inside:
                        self._refer(dotted, wanted.module)
                    back = True
        return back

    def _is_read(self, dotted: str, home: Module) -> bool:
        """Whether a registry, or a variable that a registering function writes to, is wanted."""
        module, rest = self.sources.split(self.sources.program.origin(dotted, home))
        if module is None or not rest:
            return False
        name = rest.partition(".")[0]
        if (module.name, name) in self._done:
            return True
        for unit in self.units(module):
            if name in unit.binds and isinstance(unit.node, ast.FunctionDef):
                used = {n.id for n in ast.walk(unit.node) if isinstance(n, ast.Name)}
                variables = {n for u in self.units(module) if isinstance(u.node, ast.Assign) for n in u.binds}
                return any((module.name, n) in self._done for n in used & variables)
        return False

    def _called(self, module: Module, first: int, last: int) -> None:
        """What was seen to be called, or looked up, in these lines."""
        found = self.record.modules.get(module.name)
        for site, place in found.places.items() if found is not None else ():
            if first <= site[0] <= last and not any(_within(site, one) for one in self.want(module).dropped):
                for callee in place.callees:
                    self._seen(callee)
                for dotted in _looked_up(place):
                    self._refer(dotted, module)
                for kind in (*place.result.kinds, *(k for seen in place.arguments.values() for k in seen.kinds)):
                    if kind.startswith("class:"):
                        self._seen(kind.removeprefix("class:"))

    def _seen(self, callee: str) -> None:
        home, colon, name = callee.partition(":")
        if colon and home in self.record.files and name:
            self._refer(f"{home}.{name.partition('.')[0]}", None)

    def _named(self, module: Module) -> None:
        """Of a module that looks names up by text: its definitions whose names stand as text in what is kept."""
        kept = self.want(module)
        shown = {
            node.value
            for unit in self.units(module)
            if unit.lines[0] in kept.lines
            for node in ast.walk(unit.node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for name in shown & set(module.top):
            self._refer(f"{module.name}.{name}", None)

    def want(self, module: Module) -> Wanted:
        return self.wanted.setdefault(module.name, Wanted(module))

    def _refer(self, dotted: str, home: Module | None) -> None:
        """Follow a name from where it is used to where it is defined."""
        if dotted in self.record.put:
            dotted, home = self.record.put[dotted].replace(":", "."), None
        if dotted.startswith("?"):
            if home is None:
                return
            self._star(dotted[1:], home)
            return
        if home is not None:
            self._imported(dotted, home)
        module, rest = self.sources.split(dotted)
        if module is None:
            return
        self.want(module)
        if not rest:
            return
        name = rest.partition(".")[0]
        if name not in module.top:
            self._star(name, module)
            return
        target = module.top[name] or ""
        brought = target != f"{module.name}.{name}"  # it came there by an import
        wanted = rest if brought else name
        if (module.name, wanted) in self._done:
            return
        self._done |= {(module.name, wanted), (module.name, name)}
        if brought:
            self.want(module).imports.add(name)
            if home is not module:
                self.want(module).exports.add(name)
            self._refer(f"{target}{rest.removeprefix(name)}", None)
        self._queue.append((module, name))

    def _imported(self, dotted: str, home: Module) -> None:
        """Want the import that gave a module the name, and the condition that it stands under."""
        for name, target in home.top.items():
            if target and (dotted == target or dotted.startswith(f"{target}.")):
                self.want(home).imports.add(name)
                if target.partition(".")[0] != "paddle":
                    self._define(home, name)

    def _star(self, name: str, module: Module, tried: set[str] | None = None) -> bool:
        """Follow a name through star imports, each module once; whether it was found."""
        tried = {module.name} if tried is None else tried
        for star in module.stars:
            other = self.sources.module(star)
            if other is None or star in tried:
                continue
            tried.add(star)
            if name in other.top:
                self.want(module).imports.add(f"*{star}")
                self._refer(f"{star}.{name}", None)
                return True
            if self._star(name, other, tried):
                self.want(module).imports.add(f"*{star}")
                return True
        return False


def _looked_up(place: Place) -> Iterator[str]:
    """What a call looked up on modules by text, in dotted form."""
    if place.callees <= {"builtins:getattr", "builtins:hasattr"} and {"0", "1"} <= place.arguments.keys():
        homes = [kind.removeprefix("module:") for kind in place.arguments["0"].kinds if kind.startswith("module:")]
        for name in place.arguments["1"].values or ():
            yield from (f"{home}.{name}" for home in homes)


def _within(site: Site, outer: Site) -> bool:
    return outer[:2] <= site[:2] and site[2:] <= outer[2:]


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


def _looks_up(node: ast.stmt) -> bool:
    """Whether a statement finds definitions by text."""
    return any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in ("globals", "eval")
        for inner in ast.walk(node)
    )
