"""What an extent is called: a letter of the spec's docstring, or a small formula of letters, as two twins show it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from nlblocks.errors import InputError

DIVISORS, DIVIDED = (2, 3, 4, 8, 16, 32, 64), ("T", "H", "W", "S")
"""What pooling and strides divide extents by, and the letters of those; fewer channels have a letter of their own."""
MULTIPLES = range(2, 17)
Letters = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of one axis: what it is called, the letters in it, and its number in the block that is drawn."""

    text: str
    letters: tuple[str, ...]
    number: int

    @property
    def one(self) -> bool:
        """Whether it is the constant 1, which says nothing of how a tensor is read."""
        return not self.letters and self.number == 1


@dataclass(frozen=True, slots=True)
class Formula:
    """A number that follows from the letters'."""

    text: str
    letters: tuple[str, ...]
    of: Callable[[Letters], int]


class Names:
    """Finds what an extent is called that was seen in twins of a block, and what it is in the block that is drawn."""

    def __init__(self, owner: str, twins: Sequence[Letters], drawn: Letters) -> None:
        self._owner, self._twins, self._drawn = owner, tuple(twins), drawn
        self.formulas = tuple(_formulas(tuple(drawn)))
        self._known: dict[tuple[int, ...], Extent] = {}

    def extent(self, seen: tuple[int, ...], merged: Sequence[Extent] = ()) -> Extent:
        """What an axis is called that has these extents, one a twin; ``merged`` are the axes that it was made from.

        Raises InputError where it is no formula of letters.
        """
        if seen not in self._known:
            self._known[seen] = self._plain(seen) or _product(merged) or self._formula(seen)
        return self._known[seen]

    def letter(self, seen: tuple[float | None, ...]) -> str:
        """The letter that a number of the block's code is, "√" and it where it is the root of one, "" where neither."""
        for name in self._drawn:
            extents = tuple(twin[name] for twin in self._twins)
            if seen == extents:
                return name
            if seen == tuple(map(math.sqrt, extents)):
                return f"√{name}"
        return ""

    def fitting(self, seen: tuple[int, ...]) -> Iterator[Formula]:
        """The formulas that give these extents."""
        return (formula for formula in self.formulas if tuple(map(formula.of, self._twins)) == seen)

    def _plain(self, seen: tuple[int, ...]) -> Extent | None:
        """A constant, or a letter alone."""
        if len(set(seen)) == 1:  # no letter has the same extent in all
            return Extent(str(seen[0]), (), seen[0])
        same = (name for name in self._drawn if tuple(twin[name] for twin in self._twins) == seen)
        return next((Extent(name, (name,), self._drawn[name]) for name in same), None)

    def _formula(self, seen: tuple[int, ...]) -> Extent:
        found = next(self.fitting(seen), None)
        if found is None:
            raise InputError(
                f"{self._owner}: an axis has {', '.join(map(str, seen))} entries in "
                f"{'; '.join(str(dict(twin)) for twin in self._twins)}, which is no formula of these letters; "
                "give it one in the spec's letters()"
            )
        return Extent(found.text, found.letters, found.of(self._drawn))


def _product(merged: Sequence[Extent]) -> Extent | None:
    """Axes that were made one: 128·⌊S/8⌋²."""
    if not merged:
        return None
    counted = Counter(extent.text for extent in merged)
    text = "·".join(name + ("" if count == 1 else "⁰¹²³"[count]) for name, count in counted.items())
    letters = tuple(dict.fromkeys(letter for extent in merged for letter in extent.letters))
    return Extent(text, letters, math.prod(extent.number for extent in merged))


def _formulas(names: tuple[str, ...]) -> Iterator[Formula]:
    """What extents may be called that are no letter alone: the simple ones first.

    Of the number of images only multiples: groups of channels, or patches, that a block takes for images of their own.
    """
    yield from (Formula(f"{k}B", ("B",), partial(_times, k, ("B",))) for k in MULTIPLES)
    names = tuple(name for name in names if name != "B")
    for a in names:
        for k in MULTIPLES:
            yield Formula(f"{k}{a}", (a,), partial(_times, k, (a,)))
        if a not in DIVIDED:  # of an odd extent that would be the even one next to it, to which it is padded
            yield Formula(f"1+{a}", (a,), partial(_plus, 1, (a,)))
    for a in (name for name in names if name in DIVIDED):
        for k in DIVISORS:
            if k != 3:  # patches of three are padded, and nothing pools by three
                yield Formula(f"⌊{a}/{k}⌋", (a,), partial(_part, k, a, 0))
            yield Formula(f"⌈{a}/{k}⌉", (a,), partial(_part, k, a, k - 1))
            yield Formula(f"{k}⌈{a}/{k}⌉", (a,), partial(_padded, k, a))
    yield from (Formula(f"B·{a}", ("B", a), partial(_times, 1, ("B", a))) for a in names)
    for count in (2, 3):
        for some in combinations(names, count):
            yield Formula("+".join(some), some, partial(_plus, 0, some))
            yield Formula("·".join(some), some, partial(_times, 1, some))


def _times(number: int, names: tuple[str, ...], letters: Letters) -> int:
    return number * math.prod(letters[name] for name in names)


def _plus(number: int, names: tuple[str, ...], letters: Letters) -> int:
    return number + sum(letters[name] for name in names)


def _part(divisor: int, name: str, up: int, letters: Letters) -> int:
    return (letters[name] + up) // divisor


def _padded(divisor: int, name: str, letters: Letters) -> int:
    return divisor * _part(divisor, name, divisor - 1, letters)
