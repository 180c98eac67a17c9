"""One argument of a call: its expression, its value where it is literal, and what it was when the model ran."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from nlblocks.port.observe import Seen

EMPTY = cst.Module([])


class Refusal(Exception):
    """Why something is not ported."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
"""In place of a value: the source does not say it."""


def code(node: cst.CSTNode) -> str:
    """The text of a node."""
    return EMPTY.code_for_node(node)


def expression(text: str) -> cst.BaseExpression:
    return cst.parse_expression(text)


def items_of(node: cst.CSTNode) -> Sequence[cst.BaseElement]:
    """The items of a literal list or tuple; none where another list is unpacked into it, for how many is not known."""
    items = node.elements if isinstance(node, cst.List | cst.Tuple) else ()
    return () if any(isinstance(item, cst.StarredElement) for item in items) else items


def item_text(item: cst.BaseElement) -> str:
    """An item of a list as it is written, its star with it."""
    return f"{'*' if isinstance(item, cst.StarredElement) else ''}{code(item.value)}"


DTYPES = frozenset(
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "bool",
        "complex64",
        "complex128",
    ]
)


def literal(node: cst.CSTNode) -> Any:
    """The value of a literal expression; UNKNOWN for any other. A dtype of torch's is its name."""
    if isinstance(node, cst.Attribute) and code(node.value) == "torch" and node.attr.value in DTYPES:
        return node.attr.value
    try:
        return ast.literal_eval(code(node).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return UNKNOWN


STARTLESS = frozenset({"None", "bool", "ParamAttr without a start"})
"""Kinds of what may stand for a ParamAttr, and holds no initialiser."""


@dataclass
class Argument:
    """``seen`` is None where the place never ran; ``given`` is False for a default that is written out."""

    node: cst.BaseExpression
    seen: Seen | None = None
    given: bool = True
    star: str = ""
    original: cst.Arg | None = None
    _literal: Any = field(default=None, repr=False)

    @property
    def value(self) -> Any:
        return literal(self.node)

    @property
    def values(self) -> list[Any] | None:
        """Every value that is known: the literal, or what was seen where it was few and plain; None if neither."""
        if self.value is not UNKNOWN:
            return [self.value]
        if self.seen is not None and self.seen.values:
            return self.seen.values
        return None

    @property
    def kinds(self) -> set[str]:
        """What it can be, as the watcher names kinds; empty where that is not known."""
        if self.value is not UNKNOWN:
            return {_kind(self.value)}
        if is_text(self.node):
            return {"str"}
        return set(self.seen.kinds) if self.seen is not None else set()

    @property
    def text(self) -> str:
        return code(self.node)

    def fits(self, wanted: str | tuple[Any, ...]) -> bool:
        """Whether it is of a kind, or one of these values, as far as is known: an unknown one is of no kind."""
        if isinstance(wanted, tuple):
            values = self.values
            return values is not None and all(any(type(v) is type(w) and v == w for w in wanted) for v in values)
        if wanted == "given":
            return self.given
        kinds = self.kinds
        if wanted.startswith("any "):  # one such value is enough
            return any(KINDS[wanted[4:]](kind) for kind in kinds)
        return bool(kinds) and all(KINDS[wanted](kind) for kind in kinds)


def is_text(node: cst.CSTNode) -> bool:
    """Whether an expression gives text whatever its names hold: a literal, or one that is filled or joined."""
    if isinstance(node, cst.BinaryOperation):
        return is_text(node.left) and isinstance(node.operator, cst.Modulo | cst.Add)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "format":
        return is_text(node.func.value)
    if isinstance(node, cst.Attribute):
        return code(node) in ("os.sep", "os.path.sep", "os.linesep", "os.pathsep")
    return isinstance(node, cst.FormattedString) or isinstance(literal(node), str)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, list | tuple):
        inner = ", ".join(sorted({"None" if v is None else type(v).__name__ for v in value}))
        return f"{type(value).__name__}[{inner}]"
    return type(value).__name__


KINDS = {
    "none": lambda kind: kind == "None",
    "text": lambda kind: kind == "str",
    "int": lambda kind: kind == "int",
    "float": lambda kind: kind == "float",
    "bool": lambda kind: kind == "bool",
    "number": lambda kind: kind in ("int", "float", "bool"),
    "tensor": lambda kind: kind in ("Tensor", "Parameter", "LinearWeight"),
    "array": lambda kind: kind == "numpy.ndarray",
    "list": lambda kind: kind.startswith(("list[", "tuple[")),
    "tensors": lambda kind: kind.startswith(("list[", "tuple[")) and "Tensor" in kind,
    "nested": lambda kind: kind.startswith(("list[list", "list[tuple", "tuple[list", "tuple[tuple")),
    "linear weight": lambda kind: kind == "LinearWeight",
}
"""The kinds that a variant may ask for. "any KIND": at least once; "given": it is written in the call."""
