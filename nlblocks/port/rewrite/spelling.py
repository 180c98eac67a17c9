"""A call in Paddle's own words. Paddle 3 takes torch's too: dim for axis, extents one by one, another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from nlblocks.port.observe import Place, Seen
from nlblocks.port.rewrite.argument import Argument
from nlblocks.port.table.row import Row
from nlblocks.port.table.synonyms import ORDERS, SIZES, WORDS


@dataclass
class _Given:
    """An argument of a call as it stands, and what was seen in it."""

    arg: cst.Arg
    seen: Seen | None

    def fits(self, kind: str) -> bool:
        return Argument(self.arg.value, self.seen).fits(kind)

    @property
    def by_place(self) -> bool:
        return self.arg.keyword is None and not self.arg.star


def in_own_words(row: Row, names: Sequence[str], node: cst.Call, place: Place | None) -> tuple[cst.Call, Place | None]:
    """The call and its place as if it had been written in Paddle's own words.

    ``names`` are the row's parameters that the call may give by position, the receiver left out.
    """
    seen = place.arguments if place is not None else {}
    given = [
        _Given(arg, seen.get(arg.keyword.value if arg.keyword is not None else str(index)))
        for index, arg in enumerate(node.args)
    ]
    if row.rule == "along_axis":  # which words it has says what it does
        return node, place
    spelled = [_word(one, row, given) for one in given]
    if SIZES & {*row.names}:
        spelled = _gathered(spelled, names, seen)
    spelled = _ordered(spelled, row, names)
    if spelled == given:
        return node, place
    kept = {
        one.arg.keyword.value if one.arg.keyword is not None else str(index): one.seen
        for index, one in enumerate(spelled)
        if one.seen is not None
    }
    found = replace(place, arguments=kept) if place is not None else None
    return node.with_changes(args=[one.arg for one in spelled]), found


def _word(one: _Given, row: Row, given: Sequence[_Given]) -> _Given:
    """The argument under Paddle's word for it."""
    known = row.signature.parameters
    if one.arg.keyword is None or one.arg.keyword.value in known:
        return one
    taken = {other.arg.keyword.value for other in given if other.arg.keyword is not None}
    for word in WORDS.get(one.arg.keyword.value, ()):
        if word in known and word not in taken:
            return replace(one, arg=one.arg.with_changes(keyword=cst.Name(word)))
    return one


def _gathered(given: list[_Given], names: Sequence[str], seen: Mapping[str, Seen]) -> list[_Given]:
    """Extents that are given one by one, as a list."""
    at = next((i for i, name in enumerate(names) if name in ("shape", "shape_or_dtype", "dims", "repeats")), None)
    places = [one for one in given if one.arg.keyword is None]
    if at is None or len(places) <= at or not (places[at].fits("int") or _are_extents(places[at:], names[at + 1 :])):
        return given
    parts, others = places[at:], [one for one in given if one.arg.keyword is not None]
    if len(parts) == 1 and parts[0].arg.star == "*":
        return [*places[:at], _Given(parts[0].arg.with_changes(star=""), _list_of(seen, at)), *others]
    elements: list[cst.BaseElement] = []
    between = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    for one in parts:
        kind = cst.StarredElement if one.arg.star else cst.Element
        elements.append(kind(one.arg.value, comma=between if one is not parts[-1] else cst.MaybeSentinel.DEFAULT))
    gathered = parts[-1].arg.with_changes(value=cst.List(elements), star="")
    return [*places[:at], _Given(gathered, None), *others]


def _list_of(seen: Mapping[str, Seen], at: int) -> Seen:
    """What was seen one by one from a position on, as a list; an extent that was 0 once is 0 in it."""
    items = [seen[key].values for key in sorted((key for key in seen if key.isdigit()), key=int)][at:]
    if not all(items):
        return Seen({"list[int]"}, None)
    return Seen({"list[int]"}, [[0 if 0 in values else values[0] for values in items if values]])


def _are_extents(places: Sequence[_Given], others: Sequence[str]) -> bool:
    """Whether several positions are extents though the first is not known to be a number: a tensor beside numbers.

    ``others`` are the parameters behind: where there is none but a name, what is none belongs to the extents.
    """
    if len(places) < 2 or places[0].fits("list"):
        return False
    alone = not [name for name in others if name != "name"] and not places[1].fits("text")
    return alone or (places[0].fits("tensor") and any(one.fits("int") for one in places[1:]))


def _ordered(given: list[_Given], row: Row, names: Sequence[str]) -> list[_Given]:
    """Positions that Paddle tells apart by what stands there, under their words."""
    for api, (first, kind, order) in ORDERS.items():
        if api not in row.names:
            continue
        at = list(names).index(first)
        places = [one for one in given if one.by_place]
        if len(places) > at and places[at].fits(kind):
            words = dict(zip(range(at, len(places)), order, strict=False))
            return [replace(one, arg=_keyword(one.arg, words[i])) if i in words else one for i, one in enumerate(given)]
    return given


def _keyword(arg: cst.Arg, name: str) -> cst.Arg:
    plain = cst.SimpleWhitespace("")
    return arg.with_changes(keyword=cst.Name(name), equal=cst.AssignEqual(plain, plain))
