"""What a name means: by scope, through aliases, imports, re-exports and star imports."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

from nlblocks.port.observe import Site, Sites

Scope = dict[str, str | None]
"""Names bound in a scope: what each is, in dotted form, where an import says so; else None."""


@dataclass
class Module:
    """One file: its source, its tree, and what its names mean."""

    name: str
    path: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        tree = ast.parse(self.source, self.path)
        return _Untyped().visit(tree) if self.is_paddles else tree

    @property
    def is_paddles(self) -> bool:
        """Whether it comes with Paddle, whose own types its annotations name: they are left out of a port."""
        return self.name.startswith("paddle.")

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that stands in the file, in code or text."""
        return frozenset(re.findall(r"\w+", self.source))

    @cached_property
    def sites(self) -> Sites:
        return Sites(self.source)

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def top(self) -> Scope:
        """The module's own names: imported ones with what they are, defined ones as "module.name"."""
        found = bound(self.tree.body, self.package)
        return {name: dotted or f"{self.name}.{name}" for name, dotted in found.items()}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Names that the module gives to other names, as in ``Conv = nn.Conv2D``, and to nothing else."""
        given = Counter(node.id for node in _statements(self.tree.body) if _is_stored(node))
        given.update(name for node in ast.walk(self.tree) if isinstance(node, ast.Global) for name in node.names)
        found = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name, dotted = node.targets[0].id, self._dotted(node.value, [self.top, self.before(node)])
                if dotted and name != dotted and given[name] == 1:
                    found[name] = dotted
        return found

    @cached_property
    def hidden(self) -> Scope:
        """Imported names that the module then gives to its own, as in ``class Linear(Linear)``: what they were."""
        imports = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        return {name: dotted for name, dotted in bound(imports, self.package).items() if self.is_own(name)}

    @cached_property
    def _hidden_at(self) -> dict[str, int]:
        """The line of the statement that gives each hidden name to the module's own: the first behind its import."""
        found: dict[str, int] = {}
        for node in self.tree.body if self.hidden else ():
            for name in bound([node], self.package).keys() & self.hidden.keys():
                if isinstance(node, ast.Import | ast.ImportFrom):
                    found.pop(name, None)
                elif isinstance(node, (*INNER, ast.Assign)):
                    found.setdefault(name, node.lineno)
        return found

    def before(self, node: ast.stmt) -> Scope:
        """The hidden names that are still the imported ones where a statement at the top runs."""
        until = self._hidden_at
        return _Passing({name: to for name, to in self.hidden.items() if node.lineno <= until.get(name, node.lineno)})

    def is_own(self, name: str) -> bool:
        """Whether the module itself binds a name at its top, other than by an import."""
        return self.top.get(name) == f"{self.name}.{name}"

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names that the module only assigns: no definitions, no imports, no other names of something."""
        defined = {node.name for node in _statements(self.tree.body) if isinstance(node, INNER[:3])}
        return frozenset(set(filter(self.is_own, self.top)) - defined - self.aliases.keys())

    @cached_property
    def bound_by(self) -> dict[int, frozenset[str]]:
        """The names that each function binds, by the line of its first statement."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
                found[node.body[0].lineno] = frozenset(names | bound(node.body, self.package).keys())
        return found

    @cached_property
    def local(self) -> frozenset[str]:
        """The names that functions bind."""
        return frozenset(name for names in self.bound_by.values() for name in names)

    @cached_property
    def inner(self) -> list[tuple[str, str]]:
        """The names that imports in functions and classes bind, and what each is: one name may be several."""
        return [
            (name, dotted)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom)
            for name, dotted in bound([inner], self.package).items()
            if dotted
        ]

    @cached_property
    def stars(self) -> list[str]:
        """The modules whose names are all imported."""
        return [
            absolute(node, self.package)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ]

    @cached_property
    def names(self) -> dict[Site, str]:
        """What the names and attributes of the file mean, by their place; those that are local variables are left out.

        A name that nothing binds is "?name": a builtin, or from a star import.
        """
        found: dict[Site, str] = {}
        for node in self.tree.body:
            _Resolver(self, found).visit(node, [self.top, self.before(node)])
        return found

    def _dotted(self, node: ast.AST, scopes: list[Scope]) -> str | None:
        if isinstance(node, ast.Name):
            for scope in reversed(scopes):
                if node.id in scope:
                    return scope[node.id]
            return f"?{node.id}"
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value, scopes)
            return f"{base}.{node.attr}" if base else None
        return None


class _Untyped(ast.NodeTransformer):
    """A tree without its annotations."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        found = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return ast.copy_location(found, node)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that a "from" imports from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def bound(body: Iterable[ast.AST], package: str) -> Scope:
    """The names that statements bind, those in nested functions and classes left out.

    Of an import and what takes its place under a condition, or where it fails, a name is the import's.
    """
    found: Scope = {}
    body = list(body)
    always = {id(node) for node in body} | {
        id(t) for node in body if isinstance(node, ast.Assign) for t in node.targets
    }
    for node in _statements(body):
        if id(node) in always and (isinstance(node, INNER[:3]) or _is_stored(node)):
            found[getattr(node, "name", "") or getattr(node, "id", "")] = None
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found.setdefault(name, alias.name if alias.asname else name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name != "*":
                    target = f"{absolute(node, package)}.{alias.name}"
                    found[alias.asname or alias.name] = found.get(alias.asname or alias.name) or target
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(node.name, None)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.setdefault(node.id, None)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, ast.MatchAs | ast.MatchStar) and node.name
        ):
            found.setdefault(node.name, None)
    return found


INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of a scope, not those of inner scopes."""
    for node in body:
        yield node
        if not isinstance(node, (*INNER, *COMPREHENSIONS)):
            yield from _statements(ast.iter_child_nodes(node))


@dataclass
class _Resolver:
    module: Module
    found: dict[Site, str]

    def walk(self, body: Iterable[ast.AST], scopes: list[Scope]) -> None:
        for node in body:
            self.visit(node, scopes)

    def visit(self, node: ast.AST, scopes: list[Scope]) -> None:
        if isinstance(node, ast.Name | ast.Attribute):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):  # this one is the module's own
                scopes = [scope for scope in scopes if not isinstance(scope, _Passing)]
            dotted = self.module._dotted(node, scopes)
            if dotted:
                self.found[self.module.sites.of(node)] = dotted
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.walk([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)], scopes)
            self.walk(_annotations(node), scopes)
            self._function(node.args, node.body, scopes)
        elif isinstance(node, ast.Lambda):
            self.walk([*node.args.defaults, *filter(None, node.args.kw_defaults)], scopes)
            self._function(node.args, [node.body], scopes)
        elif isinstance(node, ast.ClassDef):
            self.walk([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)], scopes)
            self.walk(node.body, [*scopes, _ClassScope(bound(node.body, self.module.package))])
        elif isinstance(node, COMPREHENSIONS):
            inner = bound([g.target for g in node.generators], self.module.package)
            self.walk(ast.iter_child_nodes(node), [*scopes, inner])
        else:
            self.walk(ast.iter_child_nodes(node), scopes)

    def _function(self, arguments: ast.arguments, body: Iterable[ast.AST], scopes: list[Scope]) -> None:
        body = list(body)
        inner = bound(body, self.module.package)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a]
        inner.update({argument.arg: None for argument in every})
        for node in _statements(body):
            if isinstance(node, ast.Global | ast.Nonlocal):
                for name in node.names:
                    inner.pop(name, None)
        self.walk(body, [*(s for s in scopes if not isinstance(s, _ClassScope | _Passing)), inner])


class _ClassScope(Scope):
    """Names of a class body, which its functions do not see."""


class _Passing(Scope):
    """Names that the module gives to others before its functions are called."""


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a]
    return [found for found in (*(a.annotation for a in every), node.returns) if found is not None]


class Program:
    """Modules that are ported together. ``modules`` by name."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = dict(modules)

    def origin(self, dotted: str, home: Module | None = None) -> str:
        """Where a dotted name was first defined: through re-exports, aliases and star imports.

        "paddle.nn.Conv2D" of a name that some module took from there; itself where nothing more is known.
        """
        seen = set()
        while dotted not in seen:
            seen.add(dotted)
            if dotted.startswith("?") and home is not None:
                dotted = self._from_star(dotted[1:], home) or dotted
                continue
            module, _, rest = self.split(dotted)
            if module is None or not rest:
                break
            name, _, deeper = rest.partition(".")
            target = module.aliases.get(name) or module.top.get(name)
            if target is None:
                target = self._from_star(name, module)
            if target is None or target == f"{module.name}.{name}":
                break
            dotted, home = (f"{target}.{deeper}" if deeper else target), module
        return dotted

    def is_layer(self, module: Module, node: ast.AST) -> bool:
        """Whether a class derives from Paddle's Layer, as far as the source tells."""
        return any(
            base.startswith("paddle.") or (found is not None and found[1] is not node and self.is_layer(*found))
            for base, found in self.bases(module, node)
        )

    def bases(self, module: Module, node: ast.AST) -> Iterator[tuple[str, tuple[Module, ast.ClassDef] | None]]:
        """What a class derives from, where it was first defined, and the class itself where it is the program's."""
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            dotted = module.names.get(module.sites.of(base), "")
            origin = self.origin(dotted, module) if dotted else ""
            home, _, rest = self.split(origin)
            classes = (n for n in (home.tree.body if home is not None else ()) if isinstance(n, ast.ClassDef))
            found = next((n for n in classes if n.name == rest), None)
            yield origin, ((home, found) if home is not None and found is not None else None)

    def split(self, dotted: str) -> tuple[Module | None, str, str]:
        """The module of the program that a dotted name lies in, its name, and the rest; None for none."""
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            name = ".".join(parts[:count])
            if name in self.modules:
                return self.modules[name], name, ".".join(parts[count:])
        return None, "", dotted

    def _from_star(self, name: str, module: Module, tried: set[str] | None = None) -> str | None:
        tried = {module.name} if tried is None else tried
        for star in module.stars:
            if star in tried:
                continue
            tried.add(star)
            if star in self.modules:
                other = self.modules[star]
                if name in other.top:
                    return f"{star}.{name}"
                deeper = self._from_star(name, other, tried)
                if deeper:
                    return deeper
            elif star.partition(".")[0] == "paddle" and name[:1] != "_" and name not in vars(builtins):
                return f"{star}.{name}"
        return None
