"""What an expression is where it never ran: from what its names were elsewhere in the function, and from the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property

from nlblocks.port.observe import Site
from nlblocks.port.observe.record import FileRecord
from nlblocks.port.resolve import Module, Program
from nlblocks.port.table import row_of

TENSOR, LAYER, INITIALIZER, OTHER = "Tensor", "Layer", "Initializer", "other"
BUILTINS = frozenset({"str", "int", "float", "bool", "bytes", "list", "tuple", "dict", "set"})
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

ELSEWHERE = frozenset(
    name
    for kind in (str, bytes, list, tuple, dict, set, int, float, complex, slice, type, object)
    for name in dir(kind)
) | frozenset(
    [
        "T",
        "all",
        "any",
        "argmax",
        "argmin",
        "argsort",
        "astype",
        "block",
        "clip",
        "copy",
        "cumprod",
        "cumsum",
        "dtype",
        "fill",
        "flatten",
        "imag",
        "item",
        "itemsize",
        "max",
        "mean",
        "min",
        "name",
        "nbytes",
        "ndim",
        "nonzero",
        "prod",
        "real",
        "repeat",
        "reshape",
        "round",
        "shape",
        "size",
        "sort",
        "split",
        "squeeze",
        "std",
        "sum",
        "take",
        "tolist",
        "transpose",
        "var",
        "view",
        "numpy",
        "cpu",
        "cuda",
        "to",
    ]
)
"""Attributes that arrays, Python's own values or many others have too: of an unknown receiver they say nothing."""


class Guess:
    """Asked about places of one file: "Tensor", "Layer", "Initializer", "other", or "" where nothing tells."""

    def __init__(self, module: Module, program: Program, seen: FileRecord) -> None:
        self.module, self.program, self.seen = module, program, seen
        self._known: dict[int, dict[str, list[ast.expr]]] = {}

    def receiver(self, site: Site) -> str:
        """What an attribute at a site is looked up on."""
        node = self._attributes.get(site)
        return self._kind(node.value, self._owner(node), 0) if node is not None else ""

    def made(self, site: Site) -> str:
        """The API whose call an attribute at a site is looked up on; "" for anything else."""
        node = self._attributes.get(site)
        if node is None or not isinstance(node.value, ast.Call):
            return ""
        dotted = self.module.names.get(self.module.sites.of(node.value.func), "")
        found = self.program.origin(dotted, self.module) if dotted else ""
        return found if found.startswith("paddle.") else ""

    def called(self, site: Site) -> str:
        """What is called at a site."""
        node = self._functions.get(site)
        return self._kind(node, self._owner(node), 0) if node is not None else ""

    def changed(self, site: Site) -> str:
        """What a statement such as ``x += y`` at a site changes."""
        node = self._augmented.get(site)
        return self._kind(node, self._owner(node), 0) if node is not None else ""

    @cached_property
    def _augmented(self) -> dict[Site, ast.expr]:
        found = (node for node in ast.walk(self.module.tree) if isinstance(node, ast.AugAssign))
        return {self.module.sites.of(node): node.target for node in found}

    @cached_property
    def _functions(self) -> dict[Site, ast.expr]:
        found = (node.func for node in ast.walk(self.module.tree) if isinstance(node, ast.Call))
        return {self.module.sites.of(node): node for node in found}

    def base(self, site: Site) -> str:
        """What the only base of a class is, of ``super().__init__`` in it; "" for anything else."""
        node = self._attributes.get(site)
        if node is None or not (isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)):
            return ""
        owner = self._owner(node)
        home = owner[1] if owner is not None else None
        if home is None or node.value.func.id != "super" or len(home.bases) != 1:
            return ""
        dotted = self.module.names.get(self.module.sites.of(home.bases[0]), "")
        return self.program.origin(dotted, self.module) if dotted else ""

    @cached_property
    def _attributes(self) -> dict[Site, ast.Attribute]:
        found = (node for node in ast.walk(self.module.tree) if isinstance(node, ast.Attribute))
        return {self.module.sites.of(node): node for node in found}

    @cached_property
    def _owners(self) -> list[tuple[int, int, Function, ast.ClassDef | None]]:
        """Functions with their lines and class, inner ones later."""
        found: list[tuple[int, int, Function, ast.ClassDef | None]] = []

        def walk(node: ast.AST, owner: ast.ClassDef | None) -> None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, Function):
                    found.append((child.lineno, child.end_lineno or child.lineno, child, owner))
                walk(child, child if isinstance(child, ast.ClassDef) else owner)

        walk(self.module.tree, None)
        return found

    def _owner(self, node: ast.expr) -> tuple[Function, ast.ClassDef | None] | None:
        inside = [(f, c) for first, last, f, c in self._owners if first <= node.lineno <= last]
        return inside[-1] if inside else None

    @cached_property
    def _seen_names(self) -> dict[tuple[int, str], set[str]]:
        """The kinds that names were seen as, by function."""
        found: dict[tuple[int, str], set[str]] = defaultdict(set)
        for site, node in self._attributes.items():
            place = self.seen.place(site)
            owner = self._owner(node)
            if place is not None and owner is not None and isinstance(node.value, ast.Name):
                found[id(owner[0]), node.value.id] |= place.receiver.kinds
        return found

    def _assigned(self, function: Function) -> dict[str, list[ast.expr]]:
        """The values that a function assigns to names."""
        if id(function) not in self._known:
            found: dict[str, list[ast.expr]] = defaultdict(list)
            for statement in ast.walk(function):
                if isinstance(statement, ast.Assign):
                    for name in {target.id for target in statement.targets if isinstance(target, ast.Name)}:
                        found[name].append(statement.value)
            self._known[id(function)] = found
        return self._known[id(function)]

    def _kind(self, node: ast.expr, owner: tuple[Function, ast.ClassDef | None] | None, depth: int) -> str:
        if depth > 12:
            return ""
        if isinstance(node, ast.Name):
            return self._name(node, owner, depth)
        if isinstance(
            node, ast.Constant | ast.JoinedStr | ast.Dict | ast.List | ast.Tuple | ast.ListComp | ast.DictComp
        ):
            return OTHER
        if isinstance(node, ast.BinOp):
            sides = {self._kind(node.left, owner, depth + 1), self._kind(node.right, owner, depth + 1)}
            return TENSOR if TENSOR in sides else OTHER if sides == {OTHER} else ""
        if isinstance(node, ast.UnaryOp):
            return self._kind(node.operand, owner, depth + 1)
        if isinstance(node, ast.Subscript):
            return TENSOR if self._kind(node.value, owner, depth + 1) == TENSOR else ""
        if isinstance(node, ast.Call):
            return self._call(node, owner, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, owner, depth)
        return ""

    def _name(self, node: ast.Name, owner: tuple[Function, ast.ClassDef | None] | None, depth: int) -> str:
        dotted = self.module.names.get(self.module.sites.of(node), "")
        if dotted and not dotted.startswith("?"):
            return OTHER if dotted.partition(".")[0] not in ("paddle",) else ""
        if owner is None:
            return ""
        function, home = owner
        kinds = self._seen_names.get((id(function), node.id), set())
        if kinds:
            return _of(kinds)
        if node.id == "self" and home is not None:
            return LAYER if self.program.is_layer(self.module, home) else OTHER
        values = self._assigned(function).get(node.id, [])
        known = {self._kind(value, owner, depth + 3) for value in values} - {""}
        loops = [loop for loop in ast.walk(function) if isinstance(loop, ast.comprehension | ast.For)]
        over = [loop.iter for loop in loops if isinstance(loop.target, ast.Name) and loop.target.id == node.id]
        if not known and over and all(self._kind(each, owner, depth + 3) == TENSOR for each in over):
            return TENSOR
        if known:
            return known.pop() if len(known) == 1 else ""
        used = self._used(node.id, function)
        if used:
            return used
        if (
            isinstance(function, ast.FunctionDef)
            and function.name == "forward"
            and home is not None
            and self.program.is_layer(self.module, home)
        ):
            names = [a.arg for a in function.args.args[1:]]
            return TENSOR if node.id in names[:1] and not values else ""
        return ""

    def _used(self, name: str, function: Function) -> str:
        """What a function takes a name for: by its annotation, by isinstance, or by methods that tensors alone have."""
        arguments = [*function.args.args, *function.args.kwonlyargs]
        notes = [
            a.annotation for a in arguments if a.arg == name and isinstance(a.annotation, ast.Name | ast.Attribute)
        ]
        kinds = {self._class(one) for one in notes}
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "isinstance" and _is(node.args[0], name):
                asked = node.args[1]  # what is asked to be a list may be a tensor all the same
                kinds |= {self._class(one) for one in getattr(asked, "elts", [asked])} - {OTHER}
            elif isinstance(node.func, ast.Attribute) and _is(node.func.value, name):
                method = node.func.attr
                if method not in ELSEWHERE and row_of(f"Tensor.{method}") and not row_of(f"Layer.{method}"):
                    return TENSOR
        return kinds.pop() if len(kinds) == 1 else ""

    def _class(self, node: ast.expr) -> str:
        """What an object of a class is."""
        dotted = self.module.names.get(self.module.sites.of(node), "")
        found = self.program.origin(dotted, self.module) if dotted else ""
        if found.startswith("paddle."):
            row = row_of(found)
            return TENSOR if found == "paddle.Tensor" else LAYER if row and (row.torch or "").startswith("nn.") else ""
        return OTHER if found.removeprefix("?") in BUILTINS else ""

    def _call(self, node: ast.Call, owner: tuple[Function, ast.ClassDef | None] | None, depth: int) -> str:
        dotted = self.module.names.get(self.module.sites.of(node.func), "")
        if dotted.startswith("paddle."):
            row = row_of(dotted)
            if row is None:
                return ""
            if row.rule == "start":
                return INITIALIZER
            return LAYER if (row.torch or "").startswith("nn.") else TENSOR
        if dotted.partition(".")[0] in ("numpy", "math"):
            return OTHER
        if dotted == "?super" and owner is not None:
            return self._above(owner[1])
        if isinstance(node.func, ast.Attribute):
            base = self._kind(node.func.value, owner, depth + 1)
            if base == TENSOR and row_of(f"Tensor.{node.func.attr}") is not None:
                return OTHER if node.func.attr in ("numpy", "tolist", "item") else TENSOR
            place = self.seen.place(self.module.sites.of(node))
            if place is not None and place.result.kinds:
                return _of(place.result.kinds)
            if base == OTHER:
                return OTHER
            return self._of_self(node.func, owner, "called")
        return ""

    def _above(self, home: ast.AST | None) -> str:
        """What ``super()`` is in a class: a layer, where Paddle's own classes are all that it derives from."""
        bases = [] if home is None else list(self.program.bases(self.module, home))
        alone = bases and all(found is None and base.startswith("paddle.nn.") for base, found in bases)
        return LAYER if alone else ""

    def _of_self(self, node: ast.Attribute, owner: tuple[Function, ast.ClassDef | None] | None, how: str) -> str:
        """What an attribute of ``self`` was elsewhere in the class, or gave there where it was called."""
        home = owner[1] if owner is not None else None
        kinds = self._seen_parts.get((id(home), node.attr, how)) if _is(node.value, "self") else None
        return _of(kinds) if kinds else ""

    @cached_property
    def _seen_parts(self) -> dict[tuple[int, str, str], set[str]]:
        """The kinds of what ``self`` holds, by class: of the attribute itself, and of what its call gave."""
        found: dict[tuple[int, str, str], set[str]] = defaultdict(set)
        for node in ast.walk(self.module.tree):
            if not isinstance(node, ast.Call | ast.Attribute):
                continue
            part = node.func if isinstance(node, ast.Call) else node.value
            if not isinstance(part, ast.Attribute) or not _is(part.value, "self"):
                continue
            place, owner = self.seen.place(self.module.sites.of(node)), self._owner(part)
            if place is not None and owner is not None:
                called = isinstance(node, ast.Call)
                kinds = place.result.kinds if called else place.receiver.kinds
                found[id(owner[1]), part.attr, "called" if called else "held"] |= kinds
        return found

    def _attribute(self, node: ast.Attribute, owner: tuple[Function, ast.ClassDef | None] | None, depth: int) -> str:
        base = self._kind(node.value, owner, depth + 1)
        if base == TENSOR:
            return TENSOR if node.attr in ("T", "grad") else OTHER
        if base == LAYER and node.attr in ("weight", "bias"):
            return TENSOR
        if base == LAYER:
            return self._of_self(node, owner, "held")
        return ""


def _of(kinds: set[str]) -> str:
    if kinds <= {"Tensor", "Parameter", "LinearWeight"}:
        return TENSOR
    for prefix, found in (("Layer:", LAYER), ("Initializer:", INITIALIZER)):
        if all(kind.startswith(prefix) for kind in kinds):
            return found
    return OTHER if not any(kind in ("Tensor", "Parameter") for kind in kinds) else ""


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
