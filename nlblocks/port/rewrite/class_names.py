"""Names of classes as text, ``m.__class__.__name__ == "Conv2D"``: torch's names, where they tell the same apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import Refusal, code, expression, literal
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.table import rows

NAMED = re.compile(r"(?s).*\.__class__\.__name__|type\(.*\)\.__name__")
HOLDING = re.compile(r"(\w+) = .*\.__name__")
OWN = re.compile(r"^ *class (\w+)", re.M)
Asked = Callable[[Collection[str], str], bool]
"""What is asked of a class's name, given the texts that stand there."""
ASKED: dict[str, Asked] = {
    "": lambda texts, name: name in texts,
    "find": lambda texts, name: any(text in name for text in texts),
    "startswith": lambda texts, name: name.startswith(tuple(texts)),
    "endswith": lambda texts, name: name.endswith(tuple(texts)),
}


def compared_names(original: cst.Comparison, updated: Any, walk: Walk) -> cst.BaseExpression:
    """A comparison of a class's name with a text or several, or the question whether a text is in it."""
    sides = [original.left, *(one.comparator for one in original.comparisons)]
    if len(sides) != 2 or not isinstance(updated, cst.Comparison) or not any(_is_name(side, walk) for side in sides):
        return updated
    (target,) = updated.comparisons
    try:
        if _is_name(sides[0], walk):
            texts = _renamed(target.comparator, "", walk)
            return updated.with_changes(comparisons=[target.with_changes(comparator=texts)])
        within = isinstance(target.operator, cst.In | cst.NotIn)
        return updated.with_changes(left=_renamed(updated.left, "find" if within else "", walk))
    except Refusal as why:
        return walk.refused("__class__.__name__", original, str(why))


def asked_names(original: cst.Call, updated: cst.Call, walk: Walk) -> cst.Call:
    """``name.find("Conv2D")`` of a class's name."""
    function = original.func
    known = isinstance(function, cst.Attribute) and function.attr.value in ASKED and len(updated.args) == 1
    if not known or not _is_name(cst.ensure_type(function, cst.Attribute).value, walk):
        return updated
    (given,) = updated.args
    try:
        text = _renamed(given.value, cst.ensure_type(function, cst.Attribute).attr.value, walk)
    except Refusal as why:
        return cst.ensure_type(walk.refused("__class__.__name__", original, str(why)), cst.Call)
    return updated.with_changes(args=[given.with_changes(value=text)])


def _is_name(node: cst.BaseExpression, walk: Walk) -> bool:
    """Whether an expression is the name of an object's class, also in a variable that holds nothing else."""
    if NAMED.fullmatch(code(node)):
        return True
    if not isinstance(node, cst.Name) or node.value not in HOLDING.findall(walk.file.module.source):
        return False
    scope: Any = node
    while not isinstance(scope, cst.FunctionDef | cst.Module):
        scope = walk.parent(scope)
    target = matchers.AssignTarget(matchers.Name(node.value))
    given: Any = matchers.findall(scope, matchers.Assign([matchers.ZeroOrMore(), target, matchers.ZeroOrMore()]))
    return bool(given) and all(NAMED.fullmatch(code(one.value)) for one in given)


def _renamed(node: cst.BaseExpression, asked: str, walk: Walk) -> cst.BaseExpression:
    """Texts that say of torch's classes what these say of Paddle's. Raises Refusal where there are none."""
    value = literal(node)
    texts: list[Any] = [*value] if isinstance(value, list | tuple | set) else [value]
    if not all(isinstance(text, str) for text in texts):
        return node
    known = dict(_layers())
    news: list[str] = [known.get(text, text) for text in texts]
    holds = ASKED[asked]
    for name, torchs in _named(walk.file):
        if holds(texts, name) != holds(news, torchs):
            raise Refusal(f"{code(node)} does not tell torch's {torchs} from others as it does Paddle's {name}")
    if news == texts:
        return node
    return expression(repr(type(value)(news) if isinstance(value, list | tuple | set) else news[0]))


def _named(file: File) -> Iterator[tuple[str, str]]:
    """The layers that the program names: Paddle's, and those of its own, which keep their names."""
    for name, torchs in _layers():
        if any(name in module.words for module in file.program.modules.values()):
            yield name, torchs
    for module in file.program.modules.values():
        yield from ((name, name) for name in OWN.findall(module.source))


@cache
def _layers() -> tuple[tuple[str, str], ...]:
    """Paddle's layers, and what class each is in torch."""
    found = {}
    for row in rows():
        torchs = (row.value or (row.torch or "").partition("(")[0]).rpartition(".")[2]
        for name in row.names if torchs else ():
            home, _, last = name.rpartition(".")
            if home == "paddle.nn" and last[:1].isupper():
                found[last] = torchs
    return tuple(found.items())
