"""Expressions that torch's words need more than once: written again where that is the same, else given a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import code
from nlblocks.port.table.row import PLACEHOLDER

CHEAP = frozenset(
    [
        *("str", "int", "float", "bool", "len", "max", "min", "torch.tensor"),
        *("lower", "upper", "strip", "format", "replace", "get", "size", "dim", "numel"),
    ]
)
"""Functions and methods whose call gives the same again, in no time."""
TAKING = frozenset({"pop", "popitem", "popleft", "next", "__next__"})
"""Those whose second call gives something else."""


def is_repeatable(node: cst.CSTNode) -> bool:
    """Whether an expression may be evaluated twice: nothing in it draws numbers, changes anything or takes long."""
    if matchers.findall(node, matchers.NamedExpr() | matchers.Await() | matchers.Yield()):
        return False
    return all(_name(call) in CHEAP or code(call.func) in CHEAP for call in _calls(node))


def is_used_up(node: cst.CSTNode) -> bool:
    """Whether an expression surely gives something else when it is evaluated again."""
    return any(_name(call) in TAKING for call in _calls(node))


def _calls(node: cst.CSTNode) -> list[cst.Call]:
    return [cst.ensure_type(call, cst.Call) for call in matchers.findall(node, matchers.Call())]


def _name(call: cst.Call) -> str:
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else code(call.func)


def named_once(text: str, arguments: Mapping[str, cst.BaseExpression]) -> dict[str, str]:
    """Names for the arguments that a text of the table needs more than once, and that may be evaluated only once."""
    counts = Counter(name for _, name in PLACEHOLDER.findall(text))
    several = [name for name, count in counts.items() if count > 1 and name in arguments]
    read = {
        name: {code(found) for found in matchers.findall(node, matchers.Name())} for name, node in arguments.items()
    }
    return {
        name: _free(name, set().union(*(names for other, names in read.items() if other != name)))
        for name in several
        if not is_repeatable(arguments[name])
    }


def _free(name: str, taken: Collection[str]) -> str:
    name = "x" if name == "self" else name
    while name in taken:
        name += "_"
    return name


def bound(text: str, names: Mapping[str, str], arguments: Mapping[str, cst.BaseExpression]) -> str:
    """An expression whose names stand for arguments that are evaluated once."""
    given = ", ".join(code(arguments[name]) for name in names)
    return f"(lambda {', '.join(names.values())}: {text})({given})" if names else text
