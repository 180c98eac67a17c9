"""The imports of a checkout's Python files, read from their syntax: nothing is imported.

Every import counts: one inside a function or under TYPE_CHECKING, a relative one, an ``import_module`` of a constant
name, and an attribute of an imported package (``parity.running.subject``). What nlblocks finds at run time is in its
stub.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOPS = ("nlblocks", "backends", "benchmarks", "docs", "examples", "parity_tests")


@dataclass(frozen=True, slots=True)
class Module:
    """One file; ``path`` is relative to the checkout, and backends/ is a source root of its own."""

    name: str
    path: str
    source: str
    tree: ast.Module = field(repr=False)

    @property
    def package(self) -> str:
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]

    @property
    def sentence(self) -> str:
        """The first sentence of its docstring, without markup."""
        first = (ast.get_docstring(self.tree) or "").partition("\n")[0].partition(". ")[0]
        return first.replace("``", "").rstrip(".")


@dataclass(frozen=True, slots=True)
class Import:
    """``from base import name``, or ``import base`` where ``name`` is "". ``target`` is the module that is meant.

    ``used`` is one that is no statement, but an attribute of what another imported.
    """

    module: str
    path: str
    line: int
    base: str
    name: str
    target: str
    used: bool = False

    @property
    def said(self) -> str:
        return f"{self.base}.{self.name}" if self.name else self.base


def read(root: Path) -> dict[str, Module]:
    """Every Python file of the product, its tests, benchmarks, examples and pages, by module name."""
    modules = {}
    for top in TOPS:
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root / "backends" if top == "backends" else root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
            if name == "nlblocks" and path.with_suffix(".pyi").exists():
                tree.body += ast.parse(path.with_suffix(".pyi").read_text(encoding="utf-8")).body
            modules[name] = Module(name, path.relative_to(root).as_posix(), source, tree)
    return modules


def lineage(dotted: str) -> set[str]:
    """A dotted name and the packages above it."""
    parts = dotted.split(".")
    return {".".join(parts[: end + 1]) for end in range(len(parts))}


def exports_of(package: Module, modules: Mapping[str, Module]) -> dict[str, bool]:
    """The names of a package's literal ``__all__``, and whether it binds each to a module of its own."""
    bound = {item.target for item in imports_of(package, modules) if item.base == package.name}
    for node in package.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names = ast.literal_eval(node.value) if isinstance(node.value, ast.List | ast.Tuple) else ()
            return {name: f"{package.name}.{name}" in bound for name in names}
    return {}


def imports_of(module: Module, modules: Mapping[str, Module]) -> Iterator[Import]:
    """Every import of a file, and every attribute of a package that it imported."""

    def found(node: ast.expr | ast.stmt, base: str, name: str, used: bool = False) -> Import:
        whole = f"{base}.{name}" if name else base
        return Import(module.name, module.path, node.lineno, base, name, whole if whole in modules else base, used)

    packages: dict[str, str] = {}
    attributes, inner = [], set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            for alias in node.names:
                yield found(node, base, alias.name)
                if f"{base}.{alias.name}" in modules:
                    packages[alias.asname or alias.name] = f"{base}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield found(node, alias.name, "")
                top = alias.name.partition(".")[0]
                packages[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.Call) and (base := _dynamic(node)):
            yield found(node, base, "")
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
            inner.add(node.value)
    for node in attributes:
        if node not in inner:
            base, name = _reached(node, packages, modules)
            if base:
                yield found(node, base, name, used=True)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The module of ``from … import``, a relative one made absolute."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def _dynamic(node: ast.Call) -> str:
    """The module of ``import_module("a.b")`` or ``__import__("a.b")``; of f"a.{b}" what is certain; "" of others."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in {"import_module", "__import__"} or not node.args:
        return ""
    name = node.args[0]
    if isinstance(name, ast.JoinedStr) and name.values and isinstance(name.values[0], ast.Constant):
        return str(name.values[0].value).rpartition(".")[0]
    return str(name.value) if isinstance(name, ast.Constant) else ""


def _reached(node: ast.Attribute, packages: Mapping[str, str], modules: Mapping[str, Module]) -> tuple[str, str]:
    """What ``a.b.c`` names, where a is an imported package: (the deepest module, the name in it); else ("", "")."""
    names: list[str] = []
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        names.insert(0, root.attr)
        root = root.value
    if not isinstance(root, ast.Name) or root.id not in packages:
        return "", ""
    names.insert(0, packages[root.id])
    deepest = max((end for end in range(1, len(names) + 1) if ".".join(names[:end]) in modules), default=0)
    return ".".join(names[:deepest]), "".join(names[deepest : deepest + 1])
