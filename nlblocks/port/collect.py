"""What an entry needs: from its definition on, every definition that is named there or that was seen to be called.

What never ran is put off (:mod:`nlblocks.port.unrun`): methods of the classes that are kept, and functions and classes
that only code for another configuration names.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterator

from nlblocks.port.observe import Place, Record, Site
from nlblocks.port.resolve import Module
from nlblocks.port.sources import Left, Sources, Unit, Wanted, is_there, looks_up, within
from nlblocks.port.table import FUNCTIONS
from nlblocks.port.unrun import CARRIED, LARGE, Method, Ran, parted, read


class _Full(Exception):
    """There is no room for what is to be carried."""


class Closure:
    """Gathers what is wanted, module by module."""

    def __init__(self, sources: Sources, record: Record) -> None:
        self.sources, self.record = sources, record
        self.wanted: dict[str, Wanted] = {}
        self.ran = Ran(sources, record)
        self.changed: dict[str, str] = {}
        self._queue: list[tuple[Module, str]] = []
        put = record.put.items()
        self._methods = {own for api, own in put if api.startswith(("Tensor.", "Layer."))}
        """What a package made methods of the framework's classes: torch's are left as they are."""
        self._done: set[tuple[str, str]] = set()
        self._apis: set[str] = set()
        self._offers: dict[tuple[str, str], list[tuple[str, Module]]] = {}
        self._spared: list[Method] = []
        self._room: int | None = None

    def add(self, dotted: str) -> None:
        """Want a definition, and all that it needs."""
        self._refer(dotted, None)
        self._run()
        found = True
        while found:
            found = bool(sum(self._take(offer) for offer in list(self._offers)))

    def left(self) -> None:
        """Note what is left out, once everything that is wanted is known."""
        for (home, name), asked in self._offers.items():
            module = self.sources.program.modules[home]
            unit = self.ran.definition(module, name)
            left = Left(f"{home}.{name}", unit.lines[0] if unit is not None else 0, LARGE, True)
            for dotted, asker in asked:
                self._miss(left, dotted, asker, module, name)
        for method in parted(self._spared, self.sources, self.wanted, self._done):
            for site, dotted in method.module.names.items():
                if method.covers(site[0]):
                    self._refer(dotted, method.module)

    def _run(self) -> None:
        while self._queue:
            module, name = self._queue.pop()
            self._define(module, name)
            if not self._queue:
                self._changing()
            if not self._queue:
                self._read()
            if not self._queue:
                self._found_by_text()

    def _changing(self) -> None:
        """Want the statements that change what is wanted: ``CONFIG["x"] = 1``, ``NAMES.append(...)``.

        Those that change an API of the framework's, ``nn.X.forward = f``, count in every module that was run.
        """
        for wanted in list(self.wanted.values()):
            for unit in self.sources.units(wanted.module):
                known = {name for home, name in self._done if home == wanted.module.name}
                known -= self.record.of(wanted.module.name).loggers.keys()  # what is logged changes nothing
                if unit.lines[0] not in wanted.lines and unit.changes & known:
                    self._keep(wanted.module, unit)
        for module, unit, api in self.ran.changes:
            if not self._is_kept(module, unit) and not self._apis.isdisjoint((api, api.rpartition(".")[0])):
                self.changed[api.rpartition(".")[0]] = module.name
                self._keep(module, unit)

    def _define(self, module: Module, name: str) -> None:
        for unit in self.sources.units(module):
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
        if self._is_logger(module, unit):
            return
        first, last = unit.lines
        registering = self._registering(module, unit)
        wanted.dropped |= set(registering)
        self._count(unit)
        spared = self._spare(module, unit)
        based = [module.sites.of(node) for node in _bases(unit.node)]
        for site, dotted in module.names.items():
            if first <= site[0] <= last and not spared(site[0]) and not any(within(site, one) for one in registering):
                self._refer(dotted, module, must=any(within(site, one) for one in based))
        self._called(module, first, last)
        if looks_up(node for node in ast.walk(unit.node) if not spared(getattr(node, "lineno", 0))):
            self._named(module)

    def _spare(self, module: Module, unit: Unit) -> Callable[[int], bool]:
        """Which lines of a class are of methods that never ran: these are seen to when all else is known."""
        never = []
        for name, found in unit.functions.items() if self._room is None else ():
            if not any(self.ran.entered(module, one) for one in found):
                never.append(Method(module, unit, name, tuple(found)))
        self._spared += never
        return lambda line: any(method.covers(line) for method in never)

    def _count(self, unit: Unit) -> None:
        """Take the lines of what is kept from the room that there is for it."""
        if self._room is not None:
            first, last = unit.lines
            self._room -= last - first + 1
            if self._room < 0:
                raise _Full

    def _is_kept(self, module: Module, unit: Unit) -> bool:
        return module.name in self.wanted and unit.lines[0] in self.wanted[module.name].lines

    def _offer(self, dotted: str, home: Module) -> bool:
        """Put off what never ran; whether a name is that of such a definition."""
        if self._room is not None or not self.record.whole:
            return False
        found = self.sources.definition(dotted, home)
        if found is None or (found[0].name, found[1]) in self._done:
            return False
        if self.ran.has(found[0], found[1]):
            return False
        self._offers.setdefault((found[0].name, found[1]), []).append((dotted, home))
        return True

    def _take(self, offer: tuple[str, str]) -> bool:
        """Carry a definition that never ran, if it brings no more than there is room for; whether it is carried."""
        before = self.wanted, self._done, self._apis, self.changed, self._queue
        names = ".".join(offer)
        asked = self._offers[offer]
        if offer not in self._done:
            self.wanted = {name: one.copy() for name, one in self.wanted.items()}
            self._done, self._apis, self.changed = set(self._done), set(self._apis), dict(self.changed)
            self._room, self._queue = CARRIED, []
            try:
                self._refer(names, None)
                self._run()
            except _Full:
                self.wanted, self._done, self._apis, self.changed, self._queue = before
                return False
            finally:
                self._room = None
        del self._offers[offer]
        for dotted, home in asked:
            self._refer(dotted, home)
        self._run()
        return True

    def _miss(self, left: Left, dotted: str, home: Module, module: Module, name: str) -> None:
        """Note what is left out where it is named: under the name that it has there."""
        begins = [(own, to) for own, to in home.top.items() if to and f"{dotted}.".startswith(f"{to}.")]
        names = [own for own, to in begins if self.sources.definition(to, None) == (module, name, "")]
        if names or not begins:
            local = dotted.removeprefix("?").partition(".")[0] if dotted.startswith("?") else name
            self.want(home).names[names[0] if names else local] = left
        else:  # looked up on a module
            self.want(home).imports.add(begins[0][0])
            self.want(module).names[name] = left

    def _is_logger(self, module: Module, unit: Unit) -> bool:
        """Whether a statement makes a logger of the package's own, which a port has from Python."""
        found = self.record.modules.get(module.name)
        return found is not None and isinstance(unit.node, ast.Assign) and not unit.binds.isdisjoint(found.own_loggers)

    def _registering(self, module: Module, unit: Unit) -> list[Site]:
        """The decorators that gave back what they got: they register it with something of the ported packages.

        Or they come from a package that is not installed, whose stand-in did nothing when the model ran.
        """
        found = self.record.modules.get(module.name)
        sites = []
        for node in ast.walk(unit.node) if found is not None else ():
            for decorator in getattr(node, "decorator_list", ()):
                site = module.sites.of(decorator)
                place = found.place(site) if found is not None else None
                if place is None or not place.same:
                    continue
                own = any(callee.partition(":")[0] in self.record.files for callee in place.callees)
                if (own and node is unit.node) or not is_there(self._root(decorator, module)):
                    sites.append(site)
        return sites

    def _root(self, decorator: ast.expr, module: Module) -> str:
        """The package that a decorator's name is imported from; Python's own for any other."""
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        dotted = module.names.get(module.sites.of(named), "?")
        root = "builtins" if dotted.startswith("?") else self.sources.program.origin(dotted, module).partition(".")[0]
        return "builtins" if self.sources.split(dotted)[0] is not None else root

    def _read(self) -> bool:
        """Take back the decorators whose registry something that is kept reads; whether there were any."""
        back = False
        for wanted in list(self.wanted.values()):
            for site in list(wanted.dropped):
                inside = [d for s, d in wanted.module.names.items() if within(s, site)]
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
        for unit in self.sources.units(module):
            if name in unit.binds and isinstance(unit.node, ast.FunctionDef):
                nodes = (n for n in ast.walk(unit.node) if isinstance(n, ast.Attribute))
                stored = {n.attr for n in nodes if isinstance(n.ctx, ast.Store)}
                if stored and not stored.isdisjoint(read(self.sources, self.wanted, self._spared)):
                    return True
                first, last = unit.lines
                used = {dotted for site, dotted in module.names.items() if first <= site[0] <= last}
                return any(self._is_wanted_variable(dotted, module) for dotted in used)
        return False

    def _is_wanted_variable(self, dotted: str, home: Module) -> bool:
        """Whether a name is that of a variable, here or in another module, which something that is kept reads."""
        found = self.sources.definition(dotted, home)
        return found is not None and found[1] in found[0].variables and (found[0].name, found[1]) in self._done

    def _called(self, module: Module, first: int, last: int) -> None:
        """What was seen to be called, or looked up, in these lines."""
        found = self.record.modules.get(module.name)
        for site, place in found.places.items() if found is not None else ():
            if first <= site[0] <= last and not any(within(site, one) for one in self.want(module).dropped):
                for callee in place.callees:
                    self._seen(callee)
                    self._apis.add(callee)
                for dotted in _looked_up(place, self.record.put):
                    self._refer(dotted, module)
                for kind in (*place.result.kinds, *(k for seen in place.arguments.values() for k in seen.kinds)):
                    if kind.startswith("class:"):
                        self._seen(kind.removeprefix("class:"), shown=True)

    def _seen(self, callee: str, shown: bool = False) -> None:
        """Want what was seen; a class that was only ``shown``, as every one is to its metaclass, where it ran too."""
        home, colon, name = callee.partition(":")
        if callee in self._methods:
            return
        if colon and home in self.record.files and name:
            name = name.partition(".")[0]
            if not shown or self.ran.has(self.sources.program.modules[home], name):
                self._refer(f"{home}.{name}", None)

    def _named(self, module: Module) -> None:
        """Of a module that looks names up by text: its definitions whose names stand as text in what is kept."""
        kept = self.want(module)
        shown = {
            node.value
            for unit in self.sources.units(module)
            if unit.lines[0] in kept.lines
            for node in ast.walk(unit.node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for name in shown & set(module.top):
            self._refer(f"{module.name}.{name}", None)

    def _found_by_text(self) -> None:
        """Of modules that look names up by text, want the imports of what is wanted: no code says their names."""
        for wanted in list(self.wanted.values()):
            module = wanted.module
            kept = (unit for unit in self.sources.units(module) if unit.lines[0] in wanted.lines)
            if not any(looks_up(ast.walk(unit.node)) for unit in kept):
                continue
            for name, dotted in (*module.top.items(), *module.inner):
                found = self.sources.definition(dotted, None) if dotted and name not in wanted.imports else None
                if found is not None and found[0] is not module and (found[0].name, found[1]) in self._done:
                    self._refer(str(dotted), module)

    def want(self, module: Module) -> Wanted:
        return self.wanted.setdefault(module.name, Wanted(module))

    def _refer(self, dotted: str, home: Module | None, *, must: bool = False) -> None:
        """Follow a name from where it is used to where it is defined; what never ran is put off where it may lack."""
        if dotted in self.record.put:
            dotted, home = self.record.put[dotted].replace(":", "."), None
        if dotted.startswith("paddle."):
            self._apis.add(dotted)
        if home is not None and not must and self._offer(dotted, home):
            return
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
        name = rest.partition(".")[0]
        if name not in module.top:
            found = name and self._star(name, module)
            if not found and "__getattr__" in module.top and self.ran.has(module, "__getattr__"):
                self._refer(f"{module.name}.__getattr__", None)  # the module itself looks names up
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
        for name, target in (*home.top.items(), *home.inner, *home.hidden.items()):
            if target and (dotted == target or dotted.startswith(f"{target}.")):
                if target != f"{home.name}.{name}":
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


def _looked_up(place: Place, put: Container[str]) -> Iterator[str]:
    """What a call looked up on modules by text, in dotted form; Paddle's own layers look up an activation."""
    if any("paddle.nn." in callee for callee in place.callees):
        texts = {value for seen in place.arguments.values() for value in seen.values or () if isinstance(value, str)}
        yield from (api for text in texts if (api := f"{FUNCTIONS}.{text}") in put)
    if place.callees <= {"builtins:getattr", "builtins:hasattr"} and {"0", "1"} <= place.arguments.keys():
        homes = [kind.removeprefix("module:") for kind in place.arguments["0"].kinds if kind.startswith("module:")]
        for name in place.arguments["1"].values or ():
            yield from (f"{home}.{name}" for home in homes)


def _bases(node: ast.stmt) -> list[ast.expr]:
    """What a class is made from."""
    if not isinstance(node, ast.ClassDef):
        return []
    return [*node.bases, *(keyword.value for keyword in node.keywords), *node.decorator_list]
