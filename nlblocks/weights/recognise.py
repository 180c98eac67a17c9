"""Which blocks a checkpoint holds, judged from names and shapes alone, over every dialect."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from functools import cache
from typing import Any, get_type_hints

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Param, Shape, Spec, is_text, spec_type
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.weights import dialects
from nlblocks.weights.dialects.base import Dialect
from nlblocks.weights.files.pickle_vm import shown

Rows = dict[Param, tuple[str, Shape]]
_STAND_INS = (9973, 4999, 2003, 1511, 1201, 1009, 907, 809)
"""Primes that stand for the sizes of a candidate: where a shape shows one, the file's shape shows its value."""
_MULTIPLE = 192
"""What a stand-in is multiplied by where a block refuses a prime, as it splits its channels into groups or heads."""
_UNSEEN = (
    "zero_init",
    "dropout",
    "reduction",
    "ratio",
    "divisor",
    "gamma",
    "b",
    "slope",
    "stride",
    "padding",
    "dilation",
)
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
    for dialect, spec, rows in _candidates(among, ends):
        for prefix in ends.get(_first(rows), ()):
            names = {param: f"{prefix}.{name}" if prefix else name for param, (name, _) in rows.items()}
            match = _match(dialect, spec, rows, names, shapes, under[prefix])
            if match is None:
                continue
            key = prefix, dialect.name, type(match[0])
            canonical = {param.name: name for param, name in names.items()}
            before = found.get(key)
            if before is None or len(canonical) > len(before.names):
                found[key] = Recognised(prefix, dialect.name, (match[0],), match[1], canonical)
            elif canonical == before.names and not any(_covers(spec, match[0]) for spec in before.specs):
                found[key] = replace(before, specs=(*before.specs, match[0]))
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


def _match(
    dialect: Dialect,
    spec: BlockSpec,
    rows: Rows,
    names: Mapping[Param, str],
    shapes: Mapping[str, Shape],
    near: set[str],
) -> tuple[BlockSpec, tuple[str, ...]] | None:
    """(the spec with its sizes found, the fields not found), or None where something does not fit."""
    shared = dialect.seconds(spec)
    prefix = names[next(iter(rows))].removesuffix(_first(rows))
    own = set(names.values()) | {prefix + second for second in shared}
    if any(name not in shapes for name in own) or any(not name.endswith(dialect.ignored) for name in near - own):
        return None
    if any(shapes[prefix + second] != shapes[prefix + first] for second, first in shared.items()):
        return None
    stand_ins = _stand_ins(spec)
    if any(len(shapes[names[param]]) != len(shape) for param, (_, shape) in rows.items()):
        return None
    pairs = [
        pair for param, (_, shape) in rows.items() for pair in zip(shapes[names[param]], shape, strict=True)
    ]  # the file's extents, and those of the stand-ins
    sizes = _sizes(stand_ins, pairs)
    if sizes is None:
        return None
    try:
        solved = replace(spec, **sizes)
        inner = getattr(solved, "inner", None)
        if inner is not None and getattr(solved, "inter_channels", 0) is None and "in_channels" in sizes:
            solved = replace(solved, inter_channels=inner)  # type: ignore[call-arg]
        final = dialect.rows(solved)
    except InputError:
        return None
    if {param.name: shape for param, (_, shape) in final.items()} != {
        param.name: shapes[name] for param, name in names.items()
    }:
        return None
    return solved, tuple(name for name in stand_ins.values() if name not in sizes)


def _sizes(stand_ins: Mapping[int, str], pairs: Sequence[tuple[int, int]]) -> dict[str, int] | None:
    """The sizes that the file's extents give where a shape shows a stand-in; None where two of them differ."""
    sizes: dict[str, int] = {}
    for extent, expected in pairs:
        for times in (1, 2):  # a size itself, or two of them side by side
            name = stand_ins.get(expected // times) if expected % times == 0 else None
            if name is not None and (extent % times or sizes.setdefault(name, extent // times) != extent // times):
                return None
    for value, name in stand_ins.items():  # those that show in parts or multiples only: the channels of one group
        parts = (extent * value // expected for extent, expected in pairs if _shows(value, expected))
        size = next(parts, 0) if name not in sizes else 0
        if size:
            sizes[name] = size  # whether it fits everywhere, the shapes of the whole block tell
    return sizes


def _shows(value: int, extent: int) -> bool:
    """Whether an extent is a stand-in, or a part or a multiple of one."""
    return extent > 0 and any(extent % prime == 0 for prime in _STAND_INS if value in (prime, prime * _MULTIPLE))


def _covers(known: BlockSpec, spec: BlockSpec) -> bool:
    """Whether a known spec is the same, but for sizes that it states and ``spec`` leaves to be derived."""
    pairs = ((getattr(known, item.name), getattr(spec, item.name)) for item in fields(spec))
    return all(one == other or other is None for one, other in pairs)


def _stand_ins(spec: BlockSpec) -> dict[int, str]:
    values = {item.name: getattr(spec, item.name) for item in fields(spec)}
    stand_ins = {number * times for number in _STAND_INS for times in (1, _MULTIPLE)}
    return {value: name for name, value in values.items() if type(value) is int and value in stand_ins}


def _candidates(among: Iterable[str] | None, ends: Container[str]) -> Iterator[tuple[Dialect, BlockSpec, Rows]]:
    """Every spec to try: of the kinds whose first tensor may be in a file where names end in ``ends``."""
    for name in dialects.names() if among is None else among:
        for cls in dialects.get(name).tables:
            if any(anchor in ends for anchor in anchors(name, cls.kind)):
                yield from candidates(name, cls.kind)


@cache
def anchors(dialect: str, kind: str) -> frozenset[str]:
    """The names that a block's first tensor may have: found from few candidates, in a third of the time."""
    for changed in (2, 4):
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
    cls = spec_type(kind)
    examples = [spec for spec in EXAMPLES if type(spec) is cls]
    choices: dict[str, list[Any]] = {}
    types = get_type_hints(cls)
    for index, item in enumerate(fields(cls)):
        if item.name in _UNSEEN:
            continue
        stand_in = _STAND_INS[index % len(_STAND_INS)]
        choices[item.name] = _choices(item, types[item.name], examples, stand_in)
    specs = []
    for values in itertools.product(*choices.values()):
        others = sum(value is not of[0] for value, of in zip(values, choices.values(), strict=True))
        if changed is not None and others > changed:
            continue
        try:
            specs.append(cls(**dict(zip(choices, values, strict=True))))
        except InputError:
            continue  # options that exclude each other
    return tuple(dict.fromkeys(specs))


def _choices(item: Field[Any], expected: Any, examples: list[BlockSpec], stand_in: int) -> list[Any]:
    """What a field may hold: for a size its stand-in first, then values that the catalogue shows."""
    seen = [getattr(spec, item.name) for spec in examples]
    if is_text(expected):  # a mode of another kind is refused, or tried as well
        seen += [getattr(spec, item.name) for spec in EXAMPLES if hasattr(spec, item.name)]
    if expected in (int, int | None):
        if any(not _takes(spec, item.name, stand_in) for spec in examples):
            stand_in *= _MULTIPLE if all(_takes(spec, item.name, stand_in * _MULTIPLE) for spec in examples) else 1
        size = [stand_in] if _is_size(examples, item.name, stand_in) else []
        if item.default is MISSING and size:
            return size
        default = [] if item.default is MISSING else [item.default]
        return list(dict.fromkeys([*size, *default, *(value for value in seen if item.default is not None)]))
    parts = [value for value in seen if isinstance(value, Spec)]
    return list(dict.fromkeys([value for value in seen if not isinstance(value, Spec)] + parts[:1]))


def _takes(spec: BlockSpec, name: str, value: int) -> bool:
    try:
        replace(spec, **{name: value})
    except InputError:
        return False
    return True


def _is_size(examples: list[BlockSpec], name: str, value: int) -> bool:
    """Whether the field takes a stand-in that then shows in a shape, or changes none: else it is a choice."""
    for spec in examples:
        try:
            there, elsewhere = (replace(spec, **{name: number}).params() for number in (value, 3 * value))
        except InputError:
            continue
        shown = any(_shows(value, extent) for param in there for extent in param.shape)
        return shown or [param.shape for param in there] == [param.shape for param in elsewhere]
    return False


def _is_default(spec: BlockSpec, item: Field[Any]) -> bool:
    default = item.default if item.default_factory is MISSING else item.default_factory()
    return item.name == "dims" or item.name in _UNSEEN or bool(getattr(spec, item.name) == default)


def _text(value: Any) -> str:
    return type(value).__name__ if isinstance(value, Spec) else "none" if value is None else str(value)
