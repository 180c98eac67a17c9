"""Units that stand in the same place of two models, by what goes into them and what they go into.

Where both models are built alike, everything that lies before a unit and behind it is the same for its partner, in
whatever order branches run. Where something is added or lacks, what lies before it is still alike, and what lies
behind: a pair that one of these alone speaks for counts where nothing speaks for another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from nlblocks.parity.pairing.flow import Colouring, Flow, Palette
from nlblocks.parity.pairing.rows import By
from nlblocks.parity.pairing.ties import Ties
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.pairing.uses import Uses
from nlblocks.parity.tracing import TraceGraph

STEPS = (3, 2, 1)
"""How far a unit's surroundings are looked at on the side on which the models part."""
SPEAKS = 1.0, 1.5
"""How much two that are joined speak for what goes into them, and for what they go into.

A norm is its convolution's: of an extra one and its norm, neither is another's.
"""
Sides = tuple[Sequence[Hashable], Sequence[Hashable]]
"""A key for each unit of the left, and for each of the right."""
Colours = tuple[Colouring, Colouring]
"""A colour for each unit of the left, and for each of the right."""


class Anchors:
    """The pairs that are found so far: ``found`` by position, ``by`` what decided; ``guesses`` are the groups of which
    any could be any.
    """

    def __init__(
        self,
        a: Sequence[Unit],
        b: Sequence[Unit],
        graphs: tuple[TraceGraph, TraceGraph],
        known: Mapping[int, int],
        by: By,
    ) -> None:
        self.found = dict(known)
        self.by: dict[int, By] = dict.fromkeys(known, by)
        self.guesses: list[tuple[list[int], list[int]]] = []
        self._taken = {j: i for i, j in known.items()}
        self._free = set(range(len(a))).difference(known), set(range(len(b))).difference(self._taken)
        self._units, self._graphs, self._palette = (a, b), graphs, Palette()
        self._flows = Flow.of(a), Flow.of(b)
        self._signatures = [u.signature for u in a], [u.signature for u in b]
        self._ties: Ties | None = None
        self._sized = True

    def search(self, *, sized: bool = True) -> None:
        """Find what both models have in the same place; where it is not ``sized``, of whatever width."""
        self._sized, sides = sized, self._flows
        if self._done():
            return
        labels = self._each(lambda flow: flow.labels(self._palette, sized=sized), sides)
        before, behind = self._both(sides, labels)
        self._isomorphic(_joined(before, behind))
        bones = sides[0].skeleton(), sides[1].skeleton()
        far, deep = self._both(bones, labels)
        self._isomorphic(_joined(far, deep))
        if not sized or self._done():
            return
        self.spread()
        for steps in STEPS:
            for flows, up, down in ((sides, before, behind), (bones, far, deep)):
                ahead = self._each(lambda f, own, n=steps: f.near(self._palette, own, n, ahead=True), flows, labels)
                back = self._each(lambda f, own, n=steps: f.near(self._palette, own, n, ahead=False), flows, labels)
                self._agreed(_joined(up, ahead), _joined(down, back))
        for up, down in ((before, behind), (far, deep)):
            self._agreed(_joined(up), _joined(down))
        self.spread()

    def spread(self) -> None:
        """Join what stands alone beside two that are joined, on the side of each."""
        while not self._done():
            offers: list[tuple[int, int]] = []
            for i, j in self.found.items():
                for mine, theirs in zip(self._beside(0, i), self._beside(1, j), strict=True):
                    offers += self._only(mine, theirs)
            if not self._take(offers):
                return

    def agreeing(self) -> dict[tuple[int, int], float]:
        """How much their neighbours speak for a pair of units without partners, by their positions."""
        found: dict[tuple[int, int], float] = defaultdict(float)
        for i, j in self.found.items():
            sides = zip(SPEAKS, self._beside(0, i), self._beside(1, j), strict=True)
            for speaks, mine, theirs in sides:
                for s in mine:
                    for t in theirs:
                        found[s, t] += speaks
        return found

    def add(self, pairs: Mapping[int, int], by: By) -> None:
        """Pairs that something else has found."""
        for i, j in pairs.items():
            self._join(i, j, by)

    def _done(self) -> bool:
        """Whether a side has nothing left."""
        return any(len(joined) == len(own) for joined, own in zip((self.found, self._taken), self._units, strict=True))

    def _both(self, flows: tuple[Flow, Flow], labels: Colours) -> tuple[Colours, Colours]:
        """The colours of all that lies before each unit, and behind it."""
        return (
            self._each(lambda flow, own: flow.forward(self._palette, own), flows, labels),
            self._each(lambda flow, own: flow.backward(self._palette, own), flows, labels),
        )

    @staticmethod
    def _each(make: Callable[..., Colouring], *given: tuple[object, object]) -> Colours:
        left, right = (make(*side) for side in zip(*given, strict=True))
        return left, right

    def _beside(self, side: int, place: int) -> tuple[list[int], list[int]]:
        """What goes into a unit and what it goes into, that has no partner."""
        flow, free = self._flows[side], self._free[side]
        return sorted(free & flow.up[place]), sorted(free & flow.down[place])

    def _only(self, mine: Iterable[int], theirs: Iterable[int]) -> list[tuple[int, int]]:
        """The pairs of one kind and shape, where each side has one of these."""
        sides = _classes(mine, self._signatures[0]), _classes(theirs, self._signatures[1])
        return [
            (group[0], sides[1][key][0])
            for key, group in sides[0].items()
            if len(group) == 1 and len(sides[1].get(key, ())) == 1
        ]

    def _isomorphic(self, keys: Sides) -> None:
        """Join units of one key that both sides have as many of, in the order in which they run."""
        for mine, theirs in self._shared(keys):
            if len(mine) == len(theirs):
                self._resolve(mine, theirs)

    def _agreed(self, *keys: Sides) -> None:
        """Join those that only they have one of these keys, where the keys do not speak for different ones."""
        self._take(
            [(i, j) for own in keys for (i, *more), (j, *others) in self._shared(own) if not more and not others]
        )

    def _shared(self, keys: Sides) -> list[tuple[list[int], list[int]]]:
        left = _classes((i for i in range(len(self._units[0])) if i not in self.found), keys[0])
        right = _classes((j for j in range(len(self._units[1])) if j not in self._taken), keys[1])
        return [(mine, right[key]) for key, mine in left.items() if key in right]

    def _resolve(self, left: Sequence[int], right: Sequence[int]) -> None:
        """Join as many units as there are on both sides: by the neighbours that are joined, then as ties are broken."""
        if len(left) == 1 == len(right):
            self._join(left[0], right[0], "flow")
            return
        parts = (
            _classes(left, {i: self._partners(0, i) for i in left}),
            _classes(right, {j: self._partners(1, j) for j in right}),
        )
        whole = parts[0].keys() == parts[1].keys() and all(len(g) == len(parts[1][k]) for k, g in parts[0].items())
        groups = [(g, parts[1][k]) for k, g in parts[0].items()] if whole else [(list(left), list(right))]
        for mine, theirs in groups:
            pairs = list(self._broken(mine, theirs))
            for i, j, by in pairs:
                self._join(i, j, by)
            guessed = [(i, j) for i, j, by in pairs if by == "order"]
            if guessed and self._sized:
                self.guesses.append(([i for i, _ in guessed], [j for _, j in guessed]))

    def _partners(self, side: int, place: int) -> Hashable:
        """The right's units that the neighbours of a unit are, where these are joined."""
        flow = self._flows[side]
        near = ((n for n in nodes if isinstance(n, int)) for nodes in (flow.up[place], flow.down[place]))
        if side == 0:
            return tuple(frozenset(self.found[n] for n in nodes if n in self.found) for nodes in near)
        return tuple(frozenset(n for n in nodes if n in self._taken) for nodes in near)

    def _broken(self, left: Sequence[int], right: Sequence[int]) -> Iterable[tuple[int, int, By]]:
        if len(left) == 1:
            return [(left[0], right[0], "flow")]
        if self._ties is None:
            self._ties = self._tie_breaker()
        return self._ties.broken(left, right)

    def _tie_breaker(self) -> Ties:
        """Made where it is needed: few models have ties."""
        (a, b), palette = self._units, self._palette
        labels = self._each(lambda flow: flow.labels(palette, features=True), self._flows)
        featured = _joined(*self._both(self._flows, labels))
        used = Uses(self._graphs[0], a, palette), Uses(self._graphs[1], b, palette)
        return Ties(
            a,
            b,
            lambda left, right: ([used[0].beside(i) for i in left], [used[1].beside(j) for j in right]),
            lambda left, right: ([featured[0][i] for i in left], [featured[1][j] for j in right]),
            lambda left, right: ([used[0].of(i) for i in left], [used[1].of(j) for j in right]),
        )

    def _take(self, offers: Iterable[tuple[int, int]]) -> bool:
        """Join the offered pairs but those of a unit that several are offered to; whether there were any."""
        wanted = set(offers)
        mine, theirs = defaultdict(set), defaultdict(set)
        for i, j in wanted:
            mine[i].add(j)
            theirs[j].add(i)
        clear = [(i, j) for i, j in wanted if len(mine[i]) == 1 and len(theirs[j]) == 1]
        for i, j in clear:
            self._join(i, j, "flow")
        return bool(clear)

    def _join(self, i: int, j: int, by: By) -> None:
        self.found[i], self._taken[j], self.by[i] = j, i, by if self._sized else "rest"
        self._free[0].discard(i)
        self._free[1].discard(j)


def _joined(*colours: Colours) -> Sides:
    """The colours of each unit as one key."""
    left, right = (list(zip(*(own.tolist() for own in side), strict=True)) for side in zip(*colours, strict=True))
    return left, right


def _classes(places: Iterable[int], keys: Sequence[Hashable] | Mapping[int, Hashable]) -> dict[Hashable, list[int]]:
    """The positions by their keys, each in order."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for place in places:
        found[keys[place]].append(place)
    return dict(found)
