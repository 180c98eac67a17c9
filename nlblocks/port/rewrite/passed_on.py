"""Arguments that are passed on by a star: those of torch's call, in its own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import libcst as cst

from nlblocks.port.observe import Place
from nlblocks.port.rewrite.argument import Refusal, code, expression, literal
from nlblocks.port.rewrite.convert import same_literal
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.rewrite.layout import commas, keyword
from nlblocks.port.table.row import REQUIRED, Attr, Fate, Only, Row, Target, To


def in_places(names: Sequence[str], fates: Mapping[str, Fate | None], torch: Sequence[str]) -> int:
    """How many arguments, from the first on, torch has in the same places, their values unchanged."""
    alike = [_as_it_is(fates[name], other) for name, other in zip(names, torch, strict=False)]
    return [*alike, False].index(False)


def check_places(names: Sequence[str], fates: Mapping[str, Fate | None], torch: Sequence[str]) -> None:
    """Raise Refusal unless torch has the arguments in the same places, their values unchanged."""
    alike = in_places(names, fates, torch)
    if alike < len(names):
        raise Refusal(f"{names[alike]} is passed on by a star, and is not torch's argument in that place")


def settings(
    arg: cst.Arg, names: Mapping[str, str], fates: Mapping[str, Fate | None], torch: Mapping[str, str], file: File,
    checks: list[str],
) -> cst.Arg | None:  # fmt: skip
    """An initialiser's settings by a star: those that torch has in the same places, both by name with their defaults.

    Others, and those whose default is to be written, must not be given, which the port checks; None where none may be.
    """
    both = zip(names.values(), torch.values(), strict=False)
    same = [default != REQUIRED and same_literal(expression(own), default) for own, default in both]
    alike = min(in_places([*names], fates, [*torch]), [*same, False].index(False))
    if alike < len(torch):
        limit = f"len({code(arg.value)}) > {alike}, False" if alike else f"len({code(arg.value)}), 0"
        checks.append(f"{file.helper('expect')}({limit})")
    return arg if alike else None


def by_keyword(
    arg: cst.Arg, defaults: Mapping[str, str], fates: Mapping[str, Fate | None], row: Row, seen: Collection[str],
    file: File,
) -> cst.Arg:  # fmt: skip
    """Arguments by keyword: as they are, or where torch has other words through a helper that knows these.

    ``defaults`` are those of the arguments that may be among them. One that torch has otherwise is refused where it was
    seen. One that was not seen raises as torch's call does not know it; where torch means something else by the word,
    the default is expected. Raises Refusal.
    """
    renamed, expected = {}, {}
    targets = [row.torch, *(variant.torch for variant in row.variants)]
    words = TORCHS | {name for target in targets for name in _parameters(target)}
    for name, default in defaults.items():
        fate = fates[name]
        if isinstance(fate, To) and _as_it_is(fate, fate.name):
            if fate.name != name:
                renamed[name] = fate.name
        elif isinstance(fate, Attr) and fate.flag:
            renamed[name] = fate.flag
        elif isinstance(fate, Only):
            if name in seen or name in words:
                expected[name] = fate.values
        elif name in seen:
            raise Refusal(f"{name} is passed on by stars")
        elif name in words and default != REQUIRED:
            expected[name] = (literal(expression(default)),)
    if not renamed and not expected:
        return arg
    return arg.with_changes(
        value=expression(f"{file.helper('torch_arguments')}({code(arg.value)}, {renamed!r}, {expected!r})")
    )


TORCHS = frozenset({"dtype", "device", "out", "inplace", "bias", "weight", "requires_grad"})
"""Words that many of torch's calls have, also where a row does not name them."""


def _parameters(torch: str | None) -> Collection[str]:
    signature = Target(torch or "").signature
    return signature.parameters if signature is not None else ()


def with_default(passed: cst.Arg, name: str, value: cst.BaseExpression) -> cst.Arg:
    """The passed on arguments with one more, unless it is among them."""
    given = passed.value
    if isinstance(given, cst.Call) and code(given.func) == "torch_arguments":
        more = commas([*given.args, keyword(None, name, value)], given.args)
        return passed.with_changes(value=given.with_changes(args=more))
    return passed.with_changes(value=expression(f"{{{name!r}: {code(value)}, **{code(given)}}}"))


def _as_it_is(fate: Fate | None, torch: str) -> bool:
    """Whether an argument is torch's of that name, its value unchanged."""
    return isinstance(fate, To) and fate.name == torch and fate.convert in ("", "pair", "padding", "items", "axes")


def with_seen_stars(place: Place | None, original: cst.BaseExpression, walk: Walk) -> Place | None:
    """What is known of a call; of one with stars that never ran, what these held at another call of its function."""
    if place is not None or not isinstance(original, cst.Call) or not any(arg.star for arg in original.args):
        return place
    given = [code(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for arg in original.args]
    around: Any = original
    while not isinstance(around, cst.FunctionDef | cst.Module):
        around = walk.parent(around)
    for other in _calls(around):
        found = walk.place(other)
        if found is not None and given == [code(a.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for a in other.args]:
            return Place(arguments=found.arguments)
    return None


def _calls(node: cst.CSTNode) -> list[cst.Call]:
    found = [call for child in node.children for call in _calls(child)]
    return [node, *found] if isinstance(node, cst.Call) else found
