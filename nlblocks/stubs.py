"""Stubs (.pyi) of what packages find at run time: by them editors and type checkers know blocks and their fields.

    python -m nlblocks.stubs             # the library's own, as `make docs` does
    python -m nlblocks.stubs PACKAGE     # a third party's backend

A block's arguments are the fields of its spec; its results are what ``forward`` says in the backend's file.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from inspect import Parameter
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import nlblocks
from nlblocks import specs
from nlblocks.backend import rows, third_party
from nlblocks.catalogue import field_list, file_of
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, block_types
from nlblocks.specs.signature import field_parameters

HEAD = "# Made from the specs' fields by `python -m nlblocks.stubs`: not to be edited."
WIDTH = 120


class Name(NamedTuple):
    """``from module import name``; ``shown`` is what it is called here, and is public unless it starts with "_"."""

    module: str
    name: str
    shown: str = ""


def stubs() -> dict[Path, str]:
    """The library's own stubs: of the front door, of the specs, and of each backend."""
    packages = [row.module for name, row in rows().items() if not third_party(name)]
    texts = {"nlblocks": front(), "nlblocks.specs": all_specs(), **{name: backend(name) for name in packages}}
    return {stub_of(package): text for package, text in texts.items()}


def stub_of(package: str) -> Path:
    """Where the stub of a package lies: beside its ``__init__.py``, so that every way to install brings it."""
    try:
        found = find_spec(package)
    except ModuleNotFoundError:  # of the package that it would be in
        found = None
    if found is None or found.origin is None or not found.submodule_search_locations:
        raise InputError(f"stubs: {package!r} is not a package that can be imported")
    return Path(found.origin).with_suffix(".pyi")


def front() -> str:
    """``nlblocks``: its public names, and every block of whichever backend is chosen: any framework's module."""
    names = [Name(f"nlblocks.{module}", name, name) for name, module in nlblocks.HOMES.items()]
    names += [Name("nlblocks", name, name) for name in ("parity", "specs")]
    names += [Name("typing", name) for name in ("Any", "Literal", "overload")]
    lines = [*_imports(names), "", "HOMES: dict[str, str]", "__version__: str"]
    lines += ["__all__ = [", *(f'    "{name}",' for name in sorted([*nlblocks.HOMES, "specs"])), "]"]
    return _page([*lines, *(line for cls in block_types().values() for line in _block(cls, "Any"))])


def all_specs() -> str:
    """``nlblocks.specs``: what it exports, from the file of each spec."""
    return _page(_imports(Name(getattr(specs, name).__module__, name, name) for name in vars(specs)["__all__"]))


def backend(package: str) -> str:
    """A backend's package: ``backend``, and the class of every block that it has."""
    names = {Name(f"{package}.backend", "backend", "backend"), Name("nlblocks", "specs"), Name("typing", "overload")}
    lines = []
    for name, cls in block_types().items():
        file = file_of(package, cls)
        if file is not None:
            call, needed = _call(file, name)
            names |= {Name(f"{package}.{file.stem}", name, f"_{name}"), *needed}
            lines += [*_block(cls, f"_{name}"), *call]
    names |= {Name("typing", "Literal")} if any("Literal[" in line for line in lines) else set()
    return _page([*_imports(names), *lines])


def _block(cls: type[BlockSpec], base: str) -> list[str]:
    """The class of a block: its formula, the two ways to make it, and what its fields mean, where editors look."""
    summary = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")
    lines = ["", f"class {cls.__name__}({base}):", f'    """{summary}"""', "", f"    spec: specs.{cls.__name__}"]
    lines += ["    @overload", "    def __init__(", "        self,", "        *,"]
    lines += [f"        {_argument(item)}," for item in field_parameters(cls)]
    lines += ["        seed: int | None = None,", "    ) -> None:", f'        """{summary}', "", "        Args:"]
    lines += [f"            {item.name}: {item.meaning}" for item in field_list(cls)]
    lines += ["            seed: fixes the weights; None: drawn from the framework's generator", '        """', ""]
    lines += [
        "    @overload",
        f"    def __init__(self, spec: specs.{cls.__name__}, *, seed: int | None = None) -> None:",
    ]
    return [*lines, f'        """{cls.__name__} of a spec."""']


def _argument(item: Parameter) -> str:
    """A field as an argument; a default that is long, or no plain value, is shown as three dots."""
    text = f"{item.name}: {_shown(item.annotation)}"
    if item.default is Parameter.empty:
        return text
    plain = item.default is None or isinstance(item.default, bool | int | float | str)
    default = _quoted(item.default) if plain else "..."
    return f"{text} = {default if len(text) + len(default) < WIDTH - 12 else '...'}"


def _shown(annotation: Any) -> str:
    """A type as it is written."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (NoneType, ...):
        return "None" if annotation is NoneType else "..."
    if origin is Literal:
        return f"Literal[{', '.join(map(_quoted, arguments))}]"
    if origin in (Union, UnionType):
        words = [value for item in arguments if get_origin(item) is Literal for value in get_args(item)]
        rest = [item for item in arguments if get_origin(item) is not Literal]
        return " | ".join([*([_shown(Literal[tuple(words)])] if words else []), *map(_shown, rest)])
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_shown, arguments))}]"
    if annotation.__module__ == "builtins":
        return str(annotation.__name__)
    return (
        f"specs.{annotation.__name__}"
        if annotation.__name__ in vars(specs) or annotation.__name__ in block_types()
        else "Any"
    )


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _call(file: Path, name: str) -> tuple[list[str], set[Name]]:
    """``__call__`` as ``forward`` in a block's file says, with and without the map, and the names that it needs.

    Nothing where the file has no ``forward`` or it says no type: then the class has the ``__call__`` of its base.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    methods = [node for cls in classes for node in cls.body if isinstance(node, ast.FunctionDef)]
    forward = next((node for node in methods if node.name == "forward"), None)
    if forward is None or forward.returns is None:
        return [], set()
    arguments, whole = [*forward.args.args, *forward.args.kwonlyargs], ast.unparse(forward.returns)
    if not any(item.arg == "return_attention" for item in arguments):
        lines = [f"    def __call__({ast.unparse(forward.args)}) -> {whole}: ..."]
    else:
        plain = _first(forward.returns)
        mapped = whole.removeprefix(f"{plain} | ")
        given = [ast.unparse(item) for item in forward.args.args[1:] if item.arg != "return_attention"]
        x = ", ".join([*given, *(["*"] if forward.args.kwonlyargs else [])])  # such as "x: Tensor"
        lines = []
        for kind, result in (("Literal[False] = False", plain), ("Literal[True]", mapped), ("bool", whole)):
            lines += ["    @overload", f"    def __call__(self, {x}, return_attention: {kind}) -> {result}: ..."]
    types = [forward.returns, *(item.annotation for item in arguments if item.annotation is not None)]
    words = {node.id for kind in types for node in ast.walk(kind) if isinstance(node, ast.Name)}
    return lines, set(_imported(tree, words))


def _first(union: ast.expr) -> str:
    """What stands first in ``A | B | C``."""
    while isinstance(union, ast.BinOp):
        union = union.left
    return ast.unparse(union)


def _imported(tree: ast.Module, words: set[str]) -> Iterator[Name]:
    """Where a file has names from."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (Name(node.module, alias.name) for alias in node.names if (alias.asname or alias.name) in words)


def _imports(names: Iterable[Name]) -> list[str]:
    """Imports in the order that linters want: the standard library's, others', ours; a public name is exported."""
    sections: dict[int, list[str]] = {0: [], 1: [], 2: []}
    ordered = sorted(set(names), key=lambda item: (item.module, not item.name[0].isupper(), item.name))
    for module, group in itertools.groupby(ordered, key=lambda item: item.module):
        items = list(group)
        shown = [f"{item.name} as {item.shown}" for item in items if item.shown]
        plain = ", ".join(item.name for item in items if not item.shown)
        top = module.partition(".")[0]
        section = sections[0 if top in sys.stdlib_module_names else 2 if top.startswith("nlblocks") else 1]
        for what in [*([plain] if plain else []), *shown]:
            line = f"from {module} import {what}"
            section.append(line if len(line) <= WIDTH else f"from {module} import (\n    {what},\n)")
    return "\n\n".join("\n".join(lines) for lines in sections.values() if lines).splitlines()


def _page(lines: Iterable[str]) -> str:
    return "\n".join([HEAD, "", *lines]) + "\n"


def main(packages: Iterable[str]) -> None:
    """Write the stubs of the packages, or the library's own."""
    texts = {stub_of(package): backend(package) for package in packages} or stubs()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
