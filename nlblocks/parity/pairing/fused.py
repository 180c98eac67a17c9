"""Layers that are one on one side and several on the other: q, k and v in one linear layer, an LSTM of two layers.

Or an LSTM and the products of its gates, written out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate

from nlblocks.parity.pairing.names import tokens
from nlblocks.parity.pairing.units import Ref, Unit
from nlblocks.parity.tracing import TraceGraph, vocabulary

LAYER = re.compile(r"(.*)_l(\d+)(_reverse)?$")
"""How a weight of a recurrent network is called: by what it is, its layer and its direction."""
ROWS = {"q": 0, "k": 1, "v": 2}
"""The order of the rows of a fused projection, where the parts are named so."""


def split_fused(
    units: Sequence[Unit], graph: TraceGraph, others: Sequence[Unit], others_graph: TraceGraph,
    alone: Collection[int] = (),
) -> list[Unit]:  # fmt: skip
    """The units, with every linear layer that stands for several of the other side's split into its rows.

    That is one of a shape that the other side has fewer of, or one that is ``alone``, by its position.
    """
    have = Counter(unit.signature for unit in units)
    want = Counter(unit.signature for unit in others)
    runs = _runs(others)
    found: list[Unit] = []
    for i, unit in enumerate(units):
        matrix = unit.kind == "linear" and len(unit.refs["weight"].shape) == 2
        without = i in alone or want[unit.signature] < have[unit.signature]
        group = _consecutive(runs, unit) if matrix and without else []
        found += _rows(unit, group, _by_use(group, others_graph, _uses(unit, len(group), graph))) if group else [unit]
    return found


def split_recurrent(units: Sequence[Unit], others: Sequence[Unit], alone: Collection[int] = ()) -> list[Unit]:
    """The units, with every recurrent network split as far as the other side has it in parts.

    Into its layers, and those into their directions, where the other side has more networks: a file has a node for each
    layer, a loop of cells makes one. Into what its gates take from the input and from the state, two linear layers,
    where the other side has none of its kind, or for one that is ``alone``, by its position.
    """
    found: list[Unit] = []
    mine, theirs = (Counter(unit.kind for unit in side) for side in (units, others))
    both_ways = any(role.endswith("_reverse") for unit in others for role in unit.refs)
    for i, unit in enumerate(units):
        if not any(LAYER.match(role) for role in unit.refs):
            found.append(unit)
            continue
        written_out = theirs[unit.kind] == 0 or i in alone
        fewer = mine[unit.kind] < theirs[unit.kind]
        parts = _layers(unit, apart=written_out or not both_ways) if fewer or written_out else [unit]
        found += [gate for part in parts for gate in _gates(part)] if written_out else parts
    return found


def _layers(unit: Unit, *, apart: bool) -> list[Unit]:
    """The layers of a recurrent network; its directions are ``apart`` or stay together."""
    parts: dict[tuple[int, str], dict[str, Ref]] = {}
    for role, ref in unit.refs.items():
        match = LAYER.match(role)
        if match is not None:
            way = match[3] or ""
            key = int(match[2]), way if apart else ""
            parts.setdefault(key, {})[f"{match[1]}_l0{'' if apart else way}"] = ref
    return [replace(unit, refs=parts[key]) for key in sorted(parts)]


def _gates(unit: Unit) -> list[Unit]:
    """What the gates of one layer in one direction take from the input, and what they take from the state."""
    found = []
    for step in vocabulary.STEPS[f"{unit.kind}_cell"]:
        roles = zip(vocabulary.ROLES["linear"], step.operands, strict=False)
        refs = {part: unit.refs[role] for part, role in roles if role in unit.refs} if step.kind == "linear" else {}
        if "weight" in refs:
            found.append(replace(unit, kind="linear", refs=refs))
    return found


def _rows(unit: Unit, group: Sequence[Unit], in_rows: Sequence[Unit]) -> list[Unit]:
    """The unit's rows as units, in the order of the ``group`` that they stand for; ``in_rows`` is it as they lie."""
    start, parts = 0, {}
    for part in in_rows:
        rows = part.refs["weight"].shape[0]
        refs = {
            role: Ref(ref.name, (start, start + rows), ref.transposed, (rows, *ref.shape[1:]))
            for role, ref in unit.refs.items()
        }
        parts[part.name] = replace(unit, name=f"{unit.name}.{part.name.rpartition('.')[2]}", refs=refs)
        start += rows
    return [parts[part.name] for part in group]


def _runs(units: Sequence[Unit]) -> list[list[Unit]]:
    """Linear layers of one width on one input that stand one after the other."""
    found: list[list[Unit]] = []
    last = None
    for unit in units:
        weight = unit.refs.get("weight") if unit.kind == "linear" else None
        key = None if weight is None else (unit.source, weight.shape[1:])
        if key is not None and key == last:
            found[-1].append(unit)
        elif key is not None:
            found.append([unit])
        last = key
    return [run for run in found if len(run) > 1]


def _consecutive(runs: Sequence[Sequence[Unit]], unit: Unit) -> list[Unit]:
    """Linear layers on one input whose rows add up to the unit's; q, k, v in this order if so named."""
    rows, width = unit.refs["weight"].shape
    for run in runs:
        if run[0].refs["weight"].shape[1:] != (width,):
            continue
        ends = [0, *accumulate(other.refs["weight"].shape[0] for other in run)]
        for start in range(len(run) - 1):
            if ends[start] + rows not in ends[start + 2 :]:
                continue
            group = list(run[start : ends.index(ends[start] + rows, start + 2)])
            last = [tokens(item.name)[-1:] for item in group]
            if all(token and token[0] in ROWS for token in last):
                group.sort(key=lambda item: ROWS[tokens(item.name)[-1]])
            return group
    return []


def _uses(unit: Unit, count: int, graph: TraceGraph) -> list[set[str]]:
    """What each part of a fused layer's result goes into, where one operation splits it."""
    stack = [unit.output]
    while stack:
        for op in graph.consumers[stack.pop()]:
            if len(op.outputs) == count:
                return [graph.following(number) for number in op.outputs]
            if op.kind in vocabulary.LAYOUT:
                stack += op.outputs
    return []


def _by_use(group: list[Unit], graph: TraceGraph, uses: list[set[str]]) -> list[Unit]:
    """The layers in the order of the parts that are used as they are, where no two parts are used alike."""
    if len({frozenset(use) for use in uses}) < len(group):
        return group
    found = {frozenset(graph.following(item.output)): item for item in group}
    ordered = [found.get(frozenset(use)) for use in uses]
    return [item for item in ordered if item is not None] if None not in ordered else group
