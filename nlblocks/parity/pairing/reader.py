"""A trace read as the units of its model: which tensors are parameters or come of them alone, and what uses them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from nlblocks.parity.pairing.layouts import LINEAR, Layouts
from nlblocks.parity.pairing.units import ALONE, BESIDE, JOINED, RECURRENT, UNIT_RULES, Ref, Unit, UnitRule, Use
from nlblocks.parity.tracing import Op, Trace, TraceGraph, vocabulary

PART = re.compile(r"^(.*)\[(\d+):(\d+)\]$")
"""How a trace writes some rows of a parameter: "in_proj_weight[0:8]"."""
TURNS = {"transpose", "permute", "swapaxes", "movedim"}
"""Kinds that exchange the axes of a matrix."""
LAYERS = LINEAR | vocabulary.NORMALISATIONS | {"embedding", "prelu", "attention"}
"""Kinds that compute with their weights: a parameter that is all that goes into one is a value, as an input is."""
SLOTS = {"weight", "bias"}
"""Roles of weights."""
REDUCTIONS = {
    "matmul",
    "addmm",
    "einsum",
    "mv",
    "dot",
    "vdot",
    "sum",
    "mean",
    "norm",
    "var",
    "std",
    "amax",
    "max",
    "min",
}
"""Kinds whose result is no longer its operand, element by element."""
PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
"""What the layers inside a fused attention are called, by the ``part`` that they are of it."""


def units(trace: Trace) -> list[Unit]:
    """The units of a model, each parameter where something is computed with it first."""
    return _Reader(trace).units()


@dataclass(frozen=True, slots=True)
class _Part:
    """A parameter in a tensor that comes of parameters alone.

    ``turned`` says that its axes are exchanged in it, ``reduced`` that it went through a sum or a product: a norm.
    """

    name: str
    turned: bool = False
    reduced: bool = False


Parts = tuple[_Part, ...]
"""Those that a tensor comes of, the one that it is a form of first."""


class _Reader:
    """Reads one trace: which tensors come of parameters alone, and which are results of units."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.graph, self.layouts = trace, TraceGraph(trace), Layouts(trace)
        self.parts: dict[int, Parts] = {}
        self.first: dict[str, Op] = {}  # the first operation that each parameter goes into
        self.near: dict[int, frozenset[int | str]] = {}  # the results of units that a tensor comes of, and the inputs
        for number, origin in trace.origin.items():
            name = trace.parameter(number)
            if name is not None:
                self.parts[number] = (_Part(name),)
            elif origin.startswith("input"):
                self.near[number] = frozenset((origin,))
        self.starts = frozenset(name for names in self.near.values() for name in names if isinstance(name, str))
        self.found: list[Unit] = []
        self.makers: list[str] = []
        self.made: dict[int, int] = {}  # the position of the unit that makes a tensor
        self.owner: dict[str, int] = {}  # the position of the unit that a parameter belongs to
        self.weights = _weights(self.graph)

    def units(self) -> list[Unit]:
        for op in self.trace.ops:
            given = [n for n in op.inputs if n in self.parts]
            for part in (part for n in given for part in self.parts[n]):
                self.first.setdefault(part.name, op)
            if given and self._comes_of_parameters(op):
                self.parts |= dict.fromkeys(op.outputs, self._merged(op))
            else:
                self._read(op)
        for name, op in self.first.items():  # used as they are, or for nothing
            if name not in self.owner:
                self._add(op, ALONE, {"weight": self._ref(_Part(name), op, "x")}, None, frozenset())
        return [self._ending(unit) for unit in self.found]

    def _comes_of_parameters(self, op: Op) -> bool:
        """Whether an operation computes nothing but another form of parameters."""
        if any(n not in self.parts and n in self.graph.live for n in op.inputs):
            return False
        return not _is_layer(op) or all(n in self.weights for n in op.outputs)

    def _merged(self, op: Op) -> Parts:
        """The parts of all operands: those first that are in the result element by element."""
        reduced = op.kind in REDUCTIONS
        found: dict[str, _Part] = {}
        for n in op.inputs:
            for part in self.parts.get(n, ()):
                turned = part.turned != (op.kind in TURNS or bool(op.attrs.get(_turning(op, n))))
                new = _Part(part.name, turned, part.reduced or reduced)
                if part.name not in found or (found[part.name].reduced and not new.reduced):
                    found[part.name] = new
        return tuple(sorted(found.values(), key=lambda part: part.reduced))

    def _read(self, op: Op) -> None:
        """What an operation does with values: with parameters it is a unit, or part of one."""
        used = [(role, self.parts[n]) for n, role in zip(op.inputs, op.roles, strict=True) if n in self.parts]
        rest = [n for n in op.inputs if n not in self.parts]
        near = frozenset[int | str]().union(*(self.near[n] for n in rest if n in self.near))
        places = {self.made.get(n) for n in rest}
        place = places.pop() if len(places) == 1 else None
        refs, more = self._fresh(op, used)
        self.near |= dict.fromkeys(op.outputs, near)
        if not refs:
            self._pass_on(op, place, [self.owner[part.name] for _, parts in used for part in parts])
            return
        source = rest[0] if rest else None
        behind = None if place is None else self.found[place]
        use = Use(op=op, refs=refs, behind=behind, maker="" if place is None else self.makers[place])
        rule = next(rule for rule in UNIT_RULES if rule.applies(use))
        if rule.joins and place is not None:
            self._join(op, place, _with(rule.roles(refs), more))
            return
        roles = {} if rule.apart else rule.roles(refs)
        if roles:
            self._add(op, rule, _with(roles, more), source, near)
        for ref in refs.values():
            if str(ref) not in self.owner:
                self._add(op, ALONE, _with({"weight": ref}, more), source, near)

    def _fresh(self, op: Op, used: Sequence[tuple[str, Parts]]) -> tuple[dict[str, Ref], dict[str, list[Ref]]]:
        """The parameter in each role that none has used before, and by its name itself and what it is computed with."""
        refs: dict[str, Ref] = {}
        more: dict[str, list[Ref]] = {}
        taken: set[str] = set()
        for role, parts in used:
            fresh = [part for part in parts if part.name not in self.owner and part.name not in taken]
            new = [self._ref(part, op, role) for part in fresh]
            taken |= {str(ref) for ref in new}
            if new:
                plain = {part.name for part in parts if not part.reduced}
                main = max(new, key=lambda ref: (not ref.buffer, str(ref) in plain, math.prod(ref.shape)))
                refs[role], more[str(main)] = main, new
        return refs, more

    def _pass_on(self, op: Op, place: int | None, owners: Sequence[int]) -> None:
        """A unit's result that is moved or joined is the unit's still; so is what another part of its weight gives."""
        if owners:
            self.near |= dict.fromkeys(op.outputs, frozenset((self.found[owners[0]].output,)))
            place = owners[0] if self.makers[owners[0]] == op.kind else None
        elif op.kind not in vocabulary.LAYOUT and op.kind not in JOINED:
            place = None
        if place is not None:
            self.made |= dict.fromkeys(op.outputs, place)

    def _join(self, op: Op, place: int, roles: Mapping[str, Ref]) -> None:
        """The parameters belong to a unit that is there."""
        unit = self.found[place]
        refs = {**unit.refs, **roles}
        layers = {ref.name.rpartition(".")[0] for ref in refs.values()}
        name = layers.pop() if unit.kind == "tensor" and len(layers) == 1 else unit.name
        self.found[place] = replace(unit, refs=refs, name=name or unit.name)
        self.owner |= dict.fromkeys(map(str, roles.values()), place)
        self.made[op.outputs[0]] = place
        self.near |= dict.fromkeys(op.outputs, frozenset((unit.output,)))

    def _add(
        self, op: Op, rule: UnitRule, roles: Mapping[str, Ref], source: int | None, near: frozenset[int | str]
    ) -> None:
        place, output = len(self.found), op.outputs[0]
        starts = self.starts & near
        self.found.append(
            Unit(
                kind=rule.kind or op.kind, name=_name(op, rule, roles), source=source, output=output, refs=roles,
                before=cast(frozenset[int], near - starts), starts=starts, attrs=op.attrs,
            )
        )  # fmt: skip
        self.makers.append(op.kind)
        self.owner |= dict.fromkeys(map(str, roles.values()), place)
        self.made.setdefault(output, place)
        self.near |= dict.fromkeys(op.outputs, frozenset((output,)))

    def _ending(self, unit: Unit) -> Unit:
        """The unit with the outputs of the model that its result goes into."""
        ends = [name for name, n in self.trace.outputs.items() if unit.output in self.near.get(n, ())]
        return replace(unit, ends=frozenset(ends)) if ends else unit

    def _ref(self, part: _Part, op: Op, role: str) -> Ref:
        match = PART.match(part.name)
        whole, rows = (match[1], (int(match[2]), int(match[3]))) if match else (part.name, None)
        tensor = self.trace.state[whole]
        shape = tensor.shape if rows is None else (rows[1] - rows[0], *tensor.shape[1:])
        transposed = self.layouts.transposed(whole, op, role, shape, turned=part.turned)
        turned = self.layouts.turned(whole, shape, transposed=transposed)
        return Ref(
            whole, rows, transposed, shape[::-1] if transposed else shape, tensor.buffer, not tensor.saved, turned
        )


def _weights(graph: TraceGraph) -> set[int]:
    """The tensors that, in any form, are nothing but weights and biases of what is computed with the inputs.

    What an output comes of is a value, though no input be known to go into it: something out of sight may have made it.
    """
    ends = set(graph.trace.outputs.values())
    values: set[int] = set(ends)
    for op in reversed(graph.trace.ops):
        fed = any(n in graph.fed for n in op.outputs)
        for n, role in zip(op.inputs, op.roles, strict=True):
            slot = role in SLOTS and (fed or _is_layer(op))
            if not slot and (fed or any(out in values for out in op.outputs)):
                values.add(n)
    return {n for op in graph.trace.ops for n in op.outputs if n not in values}


def _is_layer(op: Op) -> bool:
    """Whether an operation is what layers do, rather than something that is done to their weights."""
    return op.kind in LAYERS or op.kind.startswith(RECURRENT)


def _turning(op: Op, number: int) -> str:
    """The attribute of a product that says whether an operand is transposed first."""
    return "transpose_x" if op.of("x") == number else "transpose_other"


def _with(roles: Mapping[str, Ref], more: Mapping[str, Sequence[Ref]]) -> dict[str, Ref]:
    """These parameters, and in roles of their own those that they are computed with, in the order of their use."""
    found: dict[str, Ref] = {}
    for role, ref in roles.items():
        for other in more.get(str(ref), (ref,)):
            found[role if other is ref else f"{role}{BESIDE}{str(other).rpartition('.')[2]}"] = other
    return found


def _name(op: Op, rule: UnitRule, roles: Mapping[str, Ref]) -> str:
    if "part" in op.attrs:
        part = op.attrs["part"]
        return f"{op.scope}.{PROJECTIONS.get(part, f'{part}_proj')}".lstrip(".")
    names = [ref.name for role, ref in roles.items() if BESIDE not in role]
    if rule.by_parameter:
        return names[0]
    return min((name.rpartition(".")[0] for name in names), key=lambda layer: layer.count("."))
