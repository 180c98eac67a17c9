"""Which parameter of one model is which of the other: by what uses it, in which order, of which shape, and by name.

A model is read as the sequence of operations that use parameters, in execution order (:func:`units`). The two
sequences are aligned; names decide where they are the same on both sides, and help elsewhere. The layout of a tensor
follows from what uses it, never from its shape: a weight that multiplies from the right is transposed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from typing import Any

from nlblocks.errors import InputError
from nlblocks.parity.tracing.graph import TraceGraph
from nlblocks.parity.tracing.trace import Op, Trace
from nlblocks.parity.tracing.vocabulary import LAYOUT, NORMALISATIONS

Rename = Mapping[str, str] | Callable[[str], str]
GROUPS = {**dict.fromkeys(NORMALISATIONS, "norm"), "conv": "affine", "linear": "affine", "conv_transpose": "affine"}
PART = re.compile(r"^(.*)\[(\d+):(\d+)\]$")
SYNONYMS = {
    "query": "q", "key": "k", "value": "v", "qproj": "q", "kproj": "k", "vproj": "v", "batchnorm": "bn", "norm": "bn",
    "layernorm": "ln", "shortcut": "downsample", "short": "downsample", "output": "out", "classifier": "fc",
    "toq": "q", "tok": "k", "tov": "v", "wq": "q", "wk": "k", "wv": "v", "head": "fc", "embedding": "embed",
}  # fmt: skip
NAMED = 0.6
"""The share of units with the same name on both sides from which on names are trusted over order."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A parameter, or some rows of one, as an operation uses it: canonical means [out, in]."""

    name: str
    rows: tuple[int, int] | None
    transposed: bool
    shape: tuple[int, ...]
    buffer: bool = False

    def __str__(self) -> str:
        return self.name if self.rows is None else f"{self.name}[{self.rows[0]}:{self.rows[1]}]"


@dataclass(slots=True, kw_only=True)
class Unit:
    """An operation that uses parameters for the first time, and those parameters by role."""

    kind: str
    name: str
    scope: str
    order: int
    source: int | None
    output: int
    refs: dict[str, Ref] = field(default_factory=dict)

    @property
    def signature(self) -> tuple[Any, ...]:
        main = self.refs.get("weight") or next(iter(self.refs.values()))
        return self.kind, _squeezed(main.shape)

    def __str__(self) -> str:
        return f"{self.name or 'the model'} ({self.kind} {'×'.join(map(str, self.signature[1]))})"


@dataclass(slots=True, kw_only=True)
class Pairing:
    """The pairs of units, and what has no partner."""

    pairs: list[tuple[Unit, Unit]] = field(default_factory=list)
    left_only: list[Unit] = field(default_factory=list)
    right_only: list[Unit] = field(default_factory=list)
    unused: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    ambiguous: list[str] = field(default_factory=list)

    def roles(self) -> list[tuple[Ref, Ref, str, Unit, Unit]]:
        """Every pair of tensors with its role and units."""
        return [(a.refs[role], b.refs[role], role, a, b) for a, b in self.pairs for role in a.refs if role in b.refs]

    def lacking(self) -> list[tuple[Unit, Unit, str, str]]:
        """Roles that one unit of a pair has and the other lacks: (left, right, role, side that lacks it)."""
        found = [(a, b, role, "right") for a, b in self.pairs for role in a.refs if role not in b.refs]
        return found + [(a, b, role, "left") for a, b in self.pairs for role in b.refs if role not in a.refs]

    @property
    def names(self) -> dict[str, str]:
        return {str(a): str(b) for a, b, *_ in self.roles()}


def units(trace: Trace) -> list[Unit]:
    """The operations that use parameters, in execution order, each parameter where it is used first."""
    found: list[Unit] = []
    made: dict[int, Unit] = {}
    seen: set[str] = set()
    for op in trace.ops:
        refs = {
            role: _ref(trace, name, op, role)
            for number, role in zip(op.inputs, op.roles, strict=True)
            if (name := trace.parameter(number)) is not None and name not in seen
        }
        if not refs:
            continue
        seen.update(str(ref) for ref in refs.values())
        source = next((n for n in op.inputs if trace.parameter(n) is None), None)
        before = made.get(source) if source is not None else None
        if op.kind == "add" and before is not None and "bias" not in before.refs and len(refs) == 1:
            before.refs["bias"] = next(iter(refs.values()))  # a product and a sum are one linear layer
            continue
        kind, roles = op.kind, dict(refs)
        if op.kind == "matmul" and "other" in refs:
            kind, roles = "linear", {"weight": refs["other"]}
        elif (
            (op.kind not in GROUPS or (op.kind in ("linear", "conv", "conv_transpose") and "weight" not in refs))
            and not op.kind.startswith(("lstm", "gru", "rnn"))
            and "weight" not in refs
        ):
            kind, roles = "tensor", {("weight" if i == 0 else f"w{i}"): ref for i, ref in enumerate(refs.values())}
        first = next(iter(roles.values())).name
        name = first.rpartition(".")[0] if kind != "tensor" else first
        if "part" in op.attrs:
            name = f"{op.scope}.{op.attrs['part']}_proj".lstrip(".").replace("query_", "q_").replace("key_", "k_")
            name = name.replace("value_", "v_")
        unit = Unit(
            kind=kind, name=name, scope=op.scope, order=len(found), source=source, output=op.outputs[0], refs=roles
        )
        found.append(unit)
        if kind == "linear":
            made[op.outputs[0]] = unit
    return found


def check_rename(rename: Rename | None, left: Trace, right: Trace) -> None:
    """Raise InputError for a hint that is none, or names nothing."""
    if callable(rename) or rename is None:
        return
    if not isinstance(rename, Mapping) or not all(isinstance(n, str) for row in rename.items() for n in row):
        raise InputError(f"rename={rename!r} must be a dict of names, or a function from a left to a right name")
    for side, trace, names in (("left", left, rename.keys()), ("right", right, rename.values())):
        known = {*trace.state, *trace.layers}
        for name in names:
            if name not in known and not any(other.startswith(f"{name}.") for other in known):
                near = get_close_matches(name, known, 3)
                hint = f"did you mean {', '.join(near)}?" if near else "give a layer, a parameter or a prefix of them"
                raise InputError(f"rename: {name!r} is nothing in the {side} model; {hint}")


def pair(left: Trace, right: Trace, rename: Rename | None = None) -> Pairing:
    """Align two models. What is paired by nothing but chance is said to be ambiguous, never hidden.

    Raises InputError for a hint that is none, or names nothing.
    """
    check_rename(rename, left, right)
    a, b = units(left), units(right)
    _split_fused(a, b, TraceGraph(left), TraceGraph(right))
    _split_fused(b, a, TraceGraph(right), TraceGraph(left))
    result = Pairing()
    partner: dict[int, int] = {}
    taken: set[int] = set()

    def join(i: int, j: int) -> None:
        partner[i] = j
        taken.add(j)

    for i, j in _hinted(a, b, rename):
        join(i, j)
    for i, j in _same_names(a, b):
        if i not in partner and j not in taken:
            join(i, j)
    rest_a = [i for i in range(len(a)) if i not in partner]
    rest_b = [j for j in range(len(b)) if j not in taken]
    for i, j in _aligned(a, b, rest_a, rest_b):
        join(i, j)
    _leftovers(a, b, partner, taken, result)
    result.pairs = [(a[i], b[j]) for i, j in sorted(partner.items())]
    result.left_only = [unit for i, unit in enumerate(a) if i not in partner]
    result.right_only = [unit for j, unit in enumerate(b) if j not in taken]
    _unused(left, right, a, b, result)
    return result


def _ref(trace: Trace, name: str, op: Op, role: str) -> Ref:
    match = PART.match(name)
    whole, rows = (match[1], (int(match[2]), int(match[3]))) if match else (name, None)
    shape = trace.state[whole].shape
    if rows is not None:
        shape = (rows[1] - rows[0], *shape[1:])
    transposed = (op.kind == "linear" and role == "weight" and op.attrs.get("layout") == "in_out") or (
        op.kind == "matmul" and role == "other" and len(shape) == 2 and not op.attrs.get("transpose_other")
    )
    return Ref(whole, rows, transposed, shape[::-1] if transposed else shape, trace.state[whole].buffer)


def _split_fused(fused: list[Unit], single: Sequence[Unit], view: TraceGraph, other: TraceGraph) -> None:
    """Split a linear layer that stands for several of the other side (q, k and v in one) into its rows."""
    have = Counter(unit.signature for unit in fused)
    want = Counter(unit.signature for unit in single)
    for position, unit in reversed(list(enumerate(fused))):
        if unit.kind != "linear" or len(unit.refs["weight"].shape) != 2 or want[unit.signature] >= have[unit.signature]:
            continue
        group = _consecutive(single, unit)
        if not group:
            continue
        start, parts = 0, {}
        for part in _by_use(group, other, _uses(unit, len(group), view)):
            rows = part.refs["weight"].shape[0]
            refs = {
                role: Ref(ref.name, (start, start + rows), ref.transposed, (rows, *ref.shape[1:]))
                for role, ref in unit.refs.items()
            }
            parts[part.name] = replace(unit, name=f"{unit.name}.{part.name.rpartition('.')[2]}", refs=refs)
            start += rows
        fused[position : position + 1] = [parts[part.name] for part in group]


def _consecutive(single: Sequence[Unit], unit: Unit) -> list[Unit]:
    """Linear layers on one input whose rows add up to the unit's; q, k, v in this order if so named."""
    rows, width = unit.refs["weight"].shape
    for start, first in enumerate(single):
        group, total = [], 0
        for other in single[start:]:
            weight = other.refs.get("weight")
            if other.kind != "linear" or weight is None or other.source != first.source or weight.shape[1:] != (width,):
                break
            group.append(other)
            total += weight.shape[0]
            if total == rows and len(group) > 1:
                order = {"q": 0, "k": 1, "v": 2}
                last = [_tokens(item.name)[-1:] for item in group]
                if all(token and token[0] in order for token in last):
                    group.sort(key=lambda item: order[_tokens(item.name)[-1]])
                return group
    return []


def _uses(unit: Unit, count: int, view: TraceGraph) -> list[set[str]]:
    """What each part of a fused layer's result goes into, where one operation splits it."""
    stack = [unit.output]
    while stack:
        for op in view.consumers[stack.pop()]:
            if len(op.outputs) == count:
                return [view.following(number) for number in op.outputs]
            if op.kind in LAYOUT:
                stack += op.outputs
    return []


def _by_use(group: list[Unit], view: TraceGraph, uses: list[set[str]]) -> list[Unit]:
    """The layers in the order of the parts that are used as they are, where no two parts are used alike."""
    if len({frozenset(use) for use in uses}) < len(group):
        return group
    found = {frozenset(view.following(item.output)): item for item in group}
    ordered = [found.get(frozenset(use)) for use in uses]
    return [item for item in ordered if item is not None] if None not in ordered else group


def _hinted(a: Sequence[Unit], b: Sequence[Unit], rename: Rename | None) -> list[tuple[int, int]]:
    if rename is None:
        return []
    found = []
    for i, unit in enumerate(a):
        for j, other in enumerate(b):
            if any(_renamed(str(ref), rename) in {str(r) for r in other.refs.values()} for ref in unit.refs.values()):
                found.append((i, j))
                break
    return found


def _renamed(name: str, rename: Rename) -> str | None:
    if callable(rename):
        try:
            return rename(name)
        except Exception as error:
            raise InputError(f"rename({name!r}) raises {type(error).__name__}: {error}") from None
    if name in rename:
        return rename[name]
    prefix = max((key for key in rename if name.startswith(f"{key}.")), key=len, default=None)
    return None if prefix is None else (rename[prefix] + name[len(prefix) :]).lstrip(".")


def _same_names(a: Sequence[Unit], b: Sequence[Unit]) -> list[tuple[int, int]]:
    """Units of one name on both sides, if that is the rule in these two models."""
    right = {(unit.signature, _tokens(unit.name)): j for j, unit in enumerate(b)}
    pairs = [
        (i, right[unit.signature, _tokens(unit.name)])
        for i, unit in enumerate(a)
        if (unit.signature, _tokens(unit.name)) in right
    ]
    return pairs if len(pairs) >= NAMED * max(len(a), len(b)) and len({j for _, j in pairs}) == len(pairs) else []


def _score(a: Unit, b: Unit) -> float:
    likeness = _likeness(a.name, b.name)
    if a.signature == b.signature:
        return 4.0 + 3.0 * likeness
    if a.kind == b.kind:
        return 0.5 + 2.0 * likeness
    same_size = _squeezed(a.signature[1]) == _squeezed(b.signature[1])
    if "tensor" in (a.kind, b.kind) and same_size:
        return 1.5 + 3.0 * likeness
    if GROUPS.get(a.kind, a.kind) == GROUPS.get(b.kind, b.kind) and same_size:
        return 2.0 + 3.0 * likeness
    return -1.0


def _aligned(
    a: Sequence[Unit], b: Sequence[Unit], rows: Sequence[int], columns: Sequence[int]
) -> list[tuple[int, int]]:
    """The order-preserving pairs with the greatest total score."""
    n, m = len(rows), len(columns)
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    for x in range(n - 1, -1, -1):
        for y in range(m - 1, -1, -1):
            score = _score(a[rows[x]], b[columns[y]])
            joined = score + best[x + 1][y + 1] if score > 0 else -1.0
            best[x][y] = max(best[x + 1][y], best[x][y + 1], joined)
    pairs, x, y = [], 0, 0
    while x < n and y < m:
        score = _score(a[rows[x]], b[columns[y]])
        if score > 0 and best[x][y] == score + best[x + 1][y + 1]:
            pairs.append((rows[x], columns[y]))
            x, y = x + 1, y + 1
        elif best[x][y] == best[x + 1][y]:
            x += 1
        else:
            y += 1
    return pairs


def _leftovers(a: Sequence[Unit], b: Sequence[Unit], partner: dict[int, int], taken: set[int], result: Pairing) -> None:
    """Pair what runs in another order; say so where more than one partner would do."""
    for i, unit in enumerate(a):
        if i in partner:
            continue
        candidates = [j for j, other in enumerate(b) if j not in taken and other.signature == unit.signature]
        if not candidates:
            continue
        ranked = sorted(candidates, key=lambda j: -_likeness(unit.name, b[j].name))
        best, *others = ranked
        if others and _likeness(unit.name, b[others[0]].name) == _likeness(unit.name, b[best].name):
            names = ", ".join(b[j].name for j in ranked)
            result.ambiguous.append(f"{unit.name} could be any of {names}; taken as {b[best].name}, use rename= to say")
        partner[i] = best
        taken.add(best)


def _unused(left: Trace, right: Trace, a: Sequence[Unit], b: Sequence[Unit], result: Pairing) -> None:
    """Parameters that no operation used, paired by name where that is possible."""
    missing = []
    for trace, own in ((left, a), (right, b)):
        used = {ref.name for unit in own for ref in unit.refs.values()}
        missing.append([name for name in trace.state if name not in used])
    result.unused = (missing[0], missing[1])


def _tokens(name: str) -> tuple[str, ...]:
    words = [word.strip("_").lower() for word in name.split(".")]
    return tuple(SYNONYMS.get(word.replace("_", ""), word.replace("_", "")) for word in words if word)


@lru_cache(maxsize=200_000)
def _likeness(a: str, b: str) -> float:
    left, right = _tokens(a), _tokens(b)
    if left == right:
        return 1.0
    last = 0.3 if left[-1:] == right[-1:] else 0.0
    return 0.95 * min(1.0, 0.7 * SequenceMatcher(None, ".".join(left), ".".join(right)).ratio() + last)


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1) or (1,)
