"""Which blocks a checkpoint holds, judged from names and shapes alone, over every dialect."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Param, Shape, Spec, is_text, spec_type
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.weights import dialects
from nlblocks.weights.dialects.base import Dialect
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.sizes import STEP, Sizes, Slot, filled

Rows = dict[Param, tuple[str, Shape]]
_STAND_INS = (
    9973, 4999, 2003, 1511, 1201, 1009, 907, 809, 2503, 3001, 3511, 4001, 4507, 5507,
    6007, 6521, 7001, 7507, 8009, 8501,
)  # fmt: skip
"""Primes that stand for the sizes of a candidate: where a shape shows one, the file's shape shows its value."""
_IN_ROWS = (701, 709, 719, 727, 733, 739, 743, 751)
"""Those that stand for the entries of a tuple."""
_SHARES = 4
"""In how many shares, at most, a block cuts a size without a field that says so."""
_ANOTHER = 607
"""One more, which stands for none: what it changes beside another, the size shows."""
_MANY = 3000
"""How many combinations of a kind's options are too many to try for the names of its first tensor alone."""
_COUNTS = ("heads",)
"""Fields that divide a size: of those that the catalogue does not show, each small number is tried."""
_SEVERAL = 8
"""How many numbers a field may hold that are tried without an example: they are then 1, 2, 3 and so on."""
_UNSEEN = (
    "zero_init", "dropout", "reduction", "ratio", "divisor", "gamma", "b", "slope", "temperature", "stride", "padding",
    "dilation", "weight", "pool_sizes",
)  # fmt: skip
"""Fields that change no name and no shape, or only through a size that is found anyway."""


_TOLD = ("inter_channels", "sub_sample", "norm")
"""Fields that are printed even at their default."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A block at ``prefix`` ("" is the whole file): every spec that its names and shapes allow, by dialect.

    ``specs`` differ only in what the parameters do not tell; the fields named in ``unknown`` hold stand-ins.
    ``names`` maps canonical names to the file's.
    """

    prefix: str
    dialect: str
    specs: tuple[BlockSpec, ...]
    unknown: tuple[str, ...]
    names: Mapping[str, str]

    @property
    def spec(self) -> BlockSpec:
        return self.specs[0]

    def __str__(self) -> str:
        spec = self.spec
        plain, open_ = [], []
        for item in fields(spec):
            values = list(dict.fromkeys(_text(getattr(each, item.name)) for each in self.specs))
            if item.name in self.unknown:
                open_.append(item.name)
            elif len(values) > 1:
                open_.append(f"{item.name} {' or '.join(values)}")
            elif item.name in _TOLD or not _is_default(spec, item):
                plain.append(f"{item.name} {values[0]}")
        dims = f", {spec.dims}D" if hasattr(spec, "dims") else ""
        tail = f"; {', '.join(open_)} (the parameters do not tell)" if open_ else ""
        where = f"at {shown(self.prefix)}: " if self.prefix else "the whole file: "
        told = "".join(f", {text}" for text in plain)
        return f"{where}{type(spec).__name__}{dims}{told}; dialect {self.dialect}{tail}"


def recognise(shapes: Mapping[str, Shape], among: Iterable[str] | None = None) -> list[Recognised]:
    """Every block in ``shapes`` (name → shape), in the file's order; ``among`` names the dialects to try, None all.

    A block must explain every tensor under its prefix, but for those that its dialect ignores.
    """
    ends: dict[str, list[str]] = defaultdict(list)
    under: dict[str, set[str]] = defaultdict(set)
    for name in shapes:
        parts = name.split(".")
        for cut in range(len(parts)):
            ends[".".join(parts[cut:])].append(".".join(parts[:cut]))
            under[".".join(parts[:cut])].add(name)
    found: dict[tuple[str, str, type], Recognised] = {}
    known: dict[Any, list[dict[Slot, int]]] = {}
    for dialect, spec, rows in _candidates(among, ends):
        for prefix in ends.get(_first(rows), ()):
            names = {param: f"{prefix}.{name}" if prefix else name for param, (name, _) in rows.items()}
            canonical = {param.name: name for param, name in names.items()}
            for solved, unknown in _matches(dialect, spec, rows, names, shapes, under[prefix], known):
                key = prefix, dialect.name, type(solved)
                before = found.get(key)
                if before is None or len(canonical) > len(before.names):
                    found[key] = Recognised(prefix, dialect.name, (solved,), unknown, canonical)
                elif canonical == before.names and not any(_covers(spec, solved) for spec in before.specs):
                    found[key] = replace(before, specs=(*before.specs, solved))
    order = {prefix: index for index, prefix in enumerate(under)}
    return sorted(found.values(), key=lambda block: (order[block.prefix], block.prefix))


def outermost(blocks: Sequence[Recognised]) -> list[tuple[Recognised, list[str]]]:
    """The blocks that lie in no other, each with the places of those that lie in it."""
    places = list(dict.fromkeys(block.prefix for block in blocks))
    return [
        (block, [place for place in places if _lies_in(place, block.prefix)])
        for block in blocks
        if not any(_lies_in(block.prefix, place) for place in places)
    ]


def _lies_in(prefix: str, outer: str) -> bool:
    return prefix != outer and (not outer or prefix.startswith(f"{outer}."))


def _matches(
    dialect: Dialect,
    spec: BlockSpec,
    rows: Rows,
    names: Mapping[Param, str],
    shapes: Mapping[str, Shape],
    near: set[str],
    known: dict[Any, list[dict[Slot, int]]],
    regroup: bool = True,
) -> list[tuple[BlockSpec, tuple[str, ...]]]:
    """Each spec whose sizes fit, with the fields not found; none where something does not fit.

    ``known`` keeps what was found for a candidate of the same shapes. With ``regroup``, where nothing fits, with other
    counts of groups too.
    """
    shared = dialect.seconds(spec)
    prefix = names[next(iter(rows))].removesuffix(_first(rows))
    own = set(names.values()) | {prefix + second for second in shared}
    if any(name not in shapes for name in own) or any(not name.endswith(dialect.ignored) for name in near - own):
        return []
    if any(shapes[prefix + second] != shapes[prefix + first] for second, first in shared.items()):
        return []
    wanted = {param.name: shapes[name] for param, name in names.items()}
    if any(len(wanted[param.name]) != len(shape) for param, (_, shape) in rows.items()):
        return []
    stand_ins = _stand_ins(spec)
    sizes: dict[Slot, int] = {}
    unsure: set[Slot] = set()
    for param, (_, shape) in rows.items():
        for extent, expected in zip(wanted[param.name], shape, strict=True):
            shown_here = [prime for prime in stand_ins if expected % prime == 0]
            if len(shown_here) != 1:
                continue  # no size, or a product of two, which the shapes at the end must fit
            place, times = stand_ins[shown_here[0]]  # a share of the size, the size itself, or several side by side
            size, rest = divmod(extent * times, expected // shown_here[0])
            if rest or sizes.setdefault(place, size) != size:
                unsure.add(place)  # how many side by side depends on another size
    sizes = {place: size for place, size in sizes.items() if place not in unsure}
    unknown = [place for place in dict(stand_ins.values()) if place not in sizes]
    key = dialect.name, prefix, tuple((param.name, shape) for param, (_, shape) in rows.items())
    if key not in known:
        first = _solved(spec, sizes)
        counts = [(name, 0) for name in _COUNTS if hasattr(spec, name) and (name, 0) not in unknown]
        known[key] = [] if first is None else Sizes(dialect, wanted).fit(first, unknown, counts)
    found = []
    for more in known[key]:
        open_ = tuple(dict.fromkeys(place[0] for place in unknown if place not in more))
        solved = _solved(spec, sizes | more)
        fits = solved is not None and Sizes(dialect, wanted).fits(solved)
        if solved is not None and fits and not any(isinstance(getattr(spec, name), tuple) for name in open_):
            found.append((solved, open_))
    for other in _regrouped(spec, wanted) if regroup and not found else ():
        for _, grouped, its_rows in _accepted(dialect.name, [other]):
            its_names = {param: prefix + name for param, (name, _) in its_rows.items()}
            found = found or _matches(dialect, grouped, its_rows, its_names, shapes, near, known, regroup=False)
    return found


def _regrouped(spec: BlockSpec, wanted: Mapping[str, Shape]) -> Iterator[BlockSpec]:
    """The candidate with counts of groups that no example has, which a file's convolutions tell by what they read."""
    reads = [shape[1] for shape in wanted.values() if len(shape) > 2]
    extents = {extent for shape in wanted.values() for extent in shape[:2]}
    options = {item.name: getattr(spec, item.name) for item in fields(spec)}
    for prime, ((name, _), _) in _stand_ins(spec).items():
        options[name] = options[name] if isinstance(options[name], tuple) else prime
    for name in [name for name in options if name.endswith("groups") and reads]:
        row = options[name]
        first = reads[: len(row)] if isinstance(row, tuple) else []  # of each of its convolutions, in order
        shares = {extent // read for extent in extents for read in reads if extent % read == 0}
        several = tuple(max(first) // read for read in first)
        for counts in [several] if several else sorted(shares - {1}) if row == 1 else []:
            other = _built(type(spec), options | {name: counts}, tuple(options))
            yield from [other] if other is not None else []


def _solved(spec: BlockSpec, sizes: Mapping[Slot, int]) -> BlockSpec | None:
    """The spec with its sizes, and the width that follows from one; None where it does not take them."""
    try:
        solved = filled(spec, sizes)
        inner = getattr(solved, "inner", None)
        if inner is not None and getattr(solved, "inter_channels", 0) is None and ("in_channels", 0) in sizes:
            solved = replace(solved, inter_channels=inner)  # type: ignore[call-arg]
    except InputError:
        return None
    return solved


def _covers(known: BlockSpec, spec: BlockSpec) -> bool:
    """Whether a known spec is the same, but for sizes that it states and ``spec`` leaves to be derived."""
    pairs = ((getattr(known, item.name), getattr(spec, item.name)) for item in fields(spec))
    return all(one == other or other is None for one, other in pairs)


def _stand_ins(spec: BlockSpec) -> dict[int, tuple[Slot, int]]:
    """The primes that stand for sizes, each with its place, a field and an index in it, and how often it is in it."""
    found: dict[int, tuple[Slot, int]] = {}
    for item in fields(spec):
        value = getattr(spec, item.name)
        for index, number in enumerate(value if isinstance(value, tuple) else (value,)):
            if type(number) is int and number > 1:
                found |= {
                    prime: ((item.name, index), number // prime)
                    for prime in (*_STAND_INS, *_IN_ROWS)
                    if number % prime == 0
                }
    return found


def _candidates(among: Iterable[str] | None, ends: Container[str]) -> Iterator[tuple[Dialect, BlockSpec, Rows]]:
    """Every spec to try: of the kinds whose first tensor may be in a file where names end in ``ends``."""
    for name in dialects.names() if among is None else among:
        for cls in dialects.get(name).tables:
            if any(anchor in ends for anchor in anchors(name, cls.kind)):
                yield from candidates(name, cls.kind)


@cache
def anchors(dialect: str, kind: str) -> frozenset[str]:
    """The names that a block's first tensor may have: of a kind with many options from few of its candidates."""
    for changed in (2, 4) if math.prod(map(len, _options(kind).values())) > _MANY else ():
        if found := frozenset(_first(rows) for _, _, rows in _accepted(dialect, _variants(kind, changed))):
            return found
    return frozenset(_first(rows) for _, _, rows in candidates(dialect, kind))


@cache
def candidates(dialect: str, kind: str) -> tuple[tuple[Dialect, BlockSpec, Rows], ...]:
    """Every combination of a kind's options that the dialect has."""
    return tuple(_accepted(dialect, _variants(kind)))


def _accepted(dialect: str, specs: Iterable[BlockSpec]) -> Iterator[tuple[Dialect, BlockSpec, Rows]]:
    table = dialects.get(dialect)
    for spec in specs:
        try:
            rows = table.rows(spec)
        except InputError:
            continue  # an option that this codebase lacks
        if rows:  # a block without tensors leaves nothing in a file
            yield table, spec, rows


def _first(rows: Rows) -> str:
    return next(iter(rows.values()))[0]


@cache
def _variants(kind: str, changed: int | None = None) -> tuple[BlockSpec, ...]:
    """Every combination of the options that the catalogue shows, with stand-ins for the sizes.

    With ``changed``, those with at most so many options that are not the first.
    """
    cls, choices = spec_type(kind), _options(kind)
    specs: list[BlockSpec] = []
    for values in itertools.product(*choices.values()):
        others = sum(value is not of[0] for value, of in zip(values, choices.values(), strict=True))
        if changed is not None and others > changed:
            continue
        options = dict(zip(choices, values, strict=True))
        specs += filter(None, [_built(cls, options, tuple(options))])
    return tuple(dict.fromkeys(specs))


@cache
def _options(kind: str) -> dict[str, list[Any]]:
    """What each field of a kind may hold, for a size a stand-in first."""
    cls = spec_type(kind)
    examples = [spec for spec in EXAMPLES if type(spec) is cls]
    choices: dict[str, list[Any]] = {}
    types = get_type_hints(cls)
    for index, item in enumerate(fields(cls)):
        stand_in = _STAND_INS[index % len(_STAND_INS)]
        if item.name in _UNSEEN and not (item.name == "stride" and _tells(examples, item.name, stand_in) == "more"):
            continue
        choices[item.name] = _choices(item, types[item.name], examples, stand_in)
    return choices


def _built(cls: type[BlockSpec], options: Mapping[str, Any], sizes: Sequence[str]) -> BlockSpec | None:
    """The spec of these options, or None where they exclude each other.

    Where it refuses primes as the ``sizes``, for groups, heads or branches must divide them, with multiples of those.
    """
    try:
        return cls(**options)
    except InputError:
        pass
    primes = [name for name in sizes if type(options[name]) is int and options[name] in (*_STAND_INS, _ANOTHER)]
    rest = [value for name, value in options.items() if name not in primes]
    counts = [n for value in rest for n in (value if isinstance(value, tuple) else (value,))]
    times = _SHARES * math.lcm(*(n for n in counts if type(n) is int and n > 0 and n not in _IN_ROWS))
    try:
        return cls(**{name: value * times if name in primes else value for name, value in options.items()})
    except InputError:
        return None


def _choices(item: Field[Any], expected: Any, examples: list[BlockSpec], stand_in: int) -> list[Any]:
    """What a field may hold: for a size its stand-in first, then values that the catalogue shows; of words, any."""
    seen = [getattr(spec, item.name) for spec in examples]
    if is_text(expected):
        seen += [word for words in (expected, *get_args(expected)) for word in get_args(words)]
    if expected in (int, int | None):
        told = _tells(examples, item.name, stand_in)
        size = [] if told == "more" else [stand_in]
        default = [] if item.default is MISSING else [item.default]
        if told == "evenly":
            return size
        if told == "nothing" or (item.default is MISSING and size):
            return [*size, *default]
        return list(dict.fromkeys([*size, *default, *(value for value in seen if item.default is not None)]))
    if expected in (tuple[int, int], tuple[int, int] | None):
        first, second = _IN_ROWS[:2]
        return [(first, second), (first, first), *([] if expected == tuple[int, int] else [None])]  # any, and squares
    if expected == tuple[int, ...]:
        lengths = range(min(map(len, seen)), max(map(len, seen)) + 1)
        rows = [_IN_ROWS[:length] for length in lengths if length <= len(_IN_ROWS)]
        seen = [*(row for row in rows if _tells(examples, item.name, row) == "itself"), *seen]
    if expected == tuple[float, ...]:  # a number for each of several parts: only how many there are shows
        seen += [tuple(map(float, range(1, count + 1))) for count in range(1, _SEVERAL + 1)]
    parts = [value for value in seen if isinstance(value, Spec)]
    return list(dict.fromkeys([value for value in seen if not isinstance(value, Spec)] + parts[:1]))


Told = Literal["itself", "evenly", "nothing", "more"]


def _tells(examples: list[BlockSpec], name: str, value: int | tuple[int, ...]) -> Told:
    """What the shapes tell of an int or a tuple: "itself", sizes that show, or "evenly"; "nothing"; or "more".

    "more" is what they tell of a choice.

    What it is in one example at least: in another mode a size may not be used.
    """
    primes, another = (value, (_ANOTHER,) * len(value)) if isinstance(value, tuple) else ((value,), _ANOTHER)
    told = set()
    for spec in examples:
        options = {item.name: getattr(spec, item.name) for item in fields(spec)}
        there, elsewhere = (_built(type(spec), options | {name: number}, (name,)) for number in (value, another))
        if there is None or elsewhere is None:
            continue
        extents = {extent for param in there.params() for extent in param.shape}
        offsets = {extent + 1 for extent in extents}  # a table of all offsets of L positions has 2L - 1 columns
        if all(any(extent % prime == 0 for extent in extents | offsets) for prime in primes):
            return "itself"
        if _shows_evenly(spec, name, value):
            return "evenly"
        shapes = [[param.shape for param in each.params()] for each in (spec, there, elsewhere)]
        told.add(all(each == shapes[0] for each in shapes))  # a stride of 1 may keep a skip that all others lack
    return "nothing" if told == {True} else "more"


def _shows_evenly(spec: BlockSpec, name: str, value: int | tuple[int, ...]) -> bool:
    """Whether extents change with a size in even steps, as the 2n - 1 rows of a table of offsets do."""
    if isinstance(value, tuple):
        return False
    try:
        forms = [replace(spec, **{name: value + step}).params() for step in (0, STEP, 2 * STEP)]
    except InputError:
        return False
    extents = [[extent for param in params for extent in param.shape] for params in forms]
    same = len(set(map(len, extents))) == 1
    return extents[0] != extents[1] and same and all(b - a == c - b for a, b, c in zip(*extents, strict=True))


def _is_default(spec: BlockSpec, item: Field[Any]) -> bool:
    default = item.default if item.default_factory is MISSING else item.default_factory()
    return item.name == "dims" or item.name in _UNSEEN or bool(getattr(spec, item.name) == default)


def _text(value: Any) -> str:
    return type(value).__name__ if isinstance(value, Spec) else "none" if value is None else str(value)
