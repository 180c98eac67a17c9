"""Which of several units that stand in the same place is which: by words, attributes, numbers, use and order.

What tells is asked in that order. Words are the user's own and win even where the use would say otherwise: two that are
exchanged in the port are a fault, and must stay one. So must attributes that are exchanged between two branches that
are put side by side, which comes before them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from nlblocks.parity.pairing.names import likeness, tokens
from nlblocks.parity.pairing.rows import By
from nlblocks.parity.pairing.units import Unit

Group = Sequence[int]
Keys = Callable[[Group, Group], tuple[list[Hashable], list[Hashable]]]
"""From the positions of some units, on the left and on the right, to what they are told apart by."""
MARGIN = 0.1
"""By how much a name must be more alike than any other of the group, to decide."""


class Ties:
    """Tells apart the units of two models that nothing around them does."""

    def __init__(self, a: Sequence[Unit], b: Sequence[Unit], beside: Keys, featured: Keys, used: Keys) -> None:
        self._a, self._b = a, b
        self._evidence: tuple[tuple[By, Keys], ...] = (
            ("name", self._words), ("flow", beside), ("attributes", featured), ("name", self._numbers), ("flow", used),
        )  # fmt: skip

    def broken(self, left: Group, right: Group, depth: int = 0) -> Iterator[tuple[int, int, By]]:
        """A partner on the right for each on the left, of which there are as many, and what decided."""
        if len(left) == 1:
            yield left[0], right[0], "flow"
            return
        for level, (by, keys) in enumerate(self._evidence[depth:], depth):
            parts = _parts(left, right, *keys(left, right))
            if len(parts) > 1:
                for mine, theirs in parts:
                    for i, j, deeper in self.broken(mine, theirs, level + 1):
                        yield i, j, by if len(mine) == 1 else deeper
                return
        yield from self._liked(left, right)

    def _liked(self, left: Group, right: Group) -> Iterator[tuple[int, int, By]]:
        """By names that are more alike than all others, else in the order in which they run."""
        worth = {(i, j): likeness(self._a[i].name, self._b[j].name) for i in left for j in right}
        best = {i: max(right, key=lambda j: worth[i, j]) for i in left}
        clear = len(set(best.values())) == len(left) and all(
            worth[i, j] - other >= MARGIN
            for i, j in best.items()
            for other in (*(worth[i, k] for k in right if k != j), *(worth[k, j] for k in left if k != i))
        )
        for i, j in best.items() if clear else zip(sorted(left), sorted(right), strict=True):
            yield i, j, "name" if clear else "order"

    def _words(self, left: Group, right: Group) -> tuple[list[Hashable], list[Hashable]]:
        """What is told apart by words, and not by numbers alone."""
        return self._by_names(left, right, lambda words: tuple(re.sub(r"\d+", "", word) for word in words))

    def _numbers(self, left: Group, right: Group) -> tuple[list[Hashable], list[Hashable]]:
        return self._by_names(left, right, lambda words: tuple(re.findall(r"\d+", " ".join(words))))

    def _by_names(
        self, left: Group, right: Group, read: Callable[[Sequence[str]], tuple[str, ...]]
    ) -> tuple[list[Hashable], list[Hashable]]:
        """What the names of each side have that not all of that side have."""
        found: list[list[Hashable]] = []
        for units, group in ((self._a, left), (self._b, right)):
            names = [tokens(units[i].name) for i in group]
            shared = set(names[0]).intersection(*names)
            found.append([read([word for word in name if word not in shared]) for name in names])
        return found[0], found[1]


def _parts(
    left: Group, right: Group, mine: Sequence[Hashable], theirs: Sequence[Hashable]
) -> list[tuple[list[int], list[int]]]:
    """Both groups by their keys; as they are where not every key has as many on both sides."""
    if Counter(mine) != Counter(theirs):
        return [(list(left), list(right))]
    parts: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, (group, keys) in enumerate(((left, mine), (right, theirs))):
        for i, key in zip(group, keys, strict=True):
            parts[key][side].append(i)
    return list(parts.values())
