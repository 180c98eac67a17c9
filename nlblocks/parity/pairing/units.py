"""A model as the sequence of its units: operations that use parameters for the first time, in execution order.

How an operation is read is a table, :data:`UNIT_RULES`: the first rule that applies says what unit it makes. The
layout of a parameter follows from what uses it, never from its shape: a weight that multiplies from the right is
transposed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nlblocks.backend import Array
from nlblocks.parity.tracing import Op, Trace, vocabulary

PART = re.compile(r"^(.*)\[(\d+):(\d+)\]$")
"""How a trace writes some rows of a parameter: "in_proj_weight[0:8]"."""
LINEAR = "Linear"
"""What frameworks call the linear layer of their own."""
PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
"""What the layers inside a fused attention are called, by the ``part`` that they are of it."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A parameter, or some rows of one, as an operation uses it; ``shape`` is the canonical one, which is [out, in]."""

    name: str
    rows: tuple[int, int] | None
    transposed: bool
    shape: tuple[int, ...]
    buffer: bool = False

    def read(self, state: Mapping[str, Array]) -> Array:
        """The tensor as [out, in]: a view into the state."""
        array = state[self.name]
        if self.rows is not None:
            start, stop = self.rows
            array = array[:, start:stop] if self.transposed and array.ndim == 2 else array[start:stop]
        return array.T if self.transposed else array

    def __str__(self) -> str:
        return self.name if self.rows is None else f"{self.name}[{self.rows[0]}:{self.rows[1]}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An operation that uses parameters for the first time, and those parameters by role.

    ``source`` and ``output`` are the numbers of the tensors that go in and come out.
    """

    kind: str
    name: str
    source: int | None
    output: int
    refs: Mapping[str, Ref]

    @property
    def signature(self) -> tuple[str, tuple[int, ...]]:
        """Kind and shape: units that differ in it are no partners at first sight."""
        main = self.refs.get("weight") or next(iter(self.refs.values()))
        return self.kind, tuple(extent for extent in main.shape if extent != 1) or (1,)

    def __str__(self) -> str:
        return f"{self.name or 'the model'} ({self.kind} {'×'.join(map(str, self.signature[1]))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An operation that uses parameters for the first time: these by role, and the linear layer whose result it takes.

    ``behind`` is None where it takes another's.
    """

    op: Op
    refs: Mapping[str, Ref]
    behind: Unit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRule:
    """How the operations that it ``applies`` to are read.

    ``kind`` is the unit's, where it is not the operation's own; ``roles`` gives the unit's parameters by role, the
    operation's own unless told. The unit is named after the layer that its first parameter is of or, ``by_parameter``,
    after the parameter. Where it ``joins``, there is no unit: its parameters belong to the linear layer that it is
    behind.
    """

    applies: Callable[[Use], bool]
    kind: str = ""
    roles: Callable[[Mapping[str, Ref]], Mapping[str, Ref]] = dict
    by_parameter: bool = False
    joins: bool = False


def of_kind(*kinds: str) -> Callable[[Use], bool]:
    """What applies to operations of some kinds."""
    return lambda use: use.op.kind in kinds


def _adds_bias(use: Use) -> bool:
    """A product and a sum are one linear layer."""
    return use.op.kind == "add" and use.behind is not None and "bias" not in use.behind.refs and len(use.refs) == 1


def _as_bias(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    (ref,) = refs.values()
    return {"bias": ref}


def _multiplies_by_matrix(use: Use) -> bool:
    return use.op.kind == "matmul" and "other" in use.refs


def _as_matrix(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    return {"weight": refs["other"]}


def _is_recurrent(use: Use) -> bool:
    """Their weights are many: "weight_ih_l0", "bias_hh_l1_reverse"."""
    return use.op.kind.startswith(("lstm", "gru", "rnn"))


def _has_weight(use: Use) -> bool:
    return "weight" in use.refs


def _always(use: Use) -> bool:
    """Parameters that are no layer's: a gate, a position embedding, the operands of einsum."""
    return True


def _in_order(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    """The first one as the weight, whatever the operation calls it."""
    return {f"w{i}" if i else "weight": ref for i, ref in enumerate(refs.values())}


UNIT_RULES: tuple[UnitRule, ...] = (
    UnitRule(applies=_adds_bias, roles=_as_bias, joins=True),
    UnitRule(applies=_multiplies_by_matrix, kind="linear", roles=_as_matrix),
    UnitRule(applies=_is_recurrent),
    UnitRule(applies=of_kind(*vocabulary.NORMALISATIONS)),
    UnitRule(applies=_has_weight),
    UnitRule(applies=_always, kind="tensor", roles=_in_order, by_parameter=True),
)
"""The first that applies counts; the last takes what no other does."""


def units(trace: Trace) -> list[Unit]:
    """The units of a model, each parameter where it is used first, or first for more than a copy."""
    found: list[Unit] = []
    linear: dict[int, int] = {}  # the position of the linear layer that makes a tensor
    seen: set[str] = set()
    computing = {n for op in trace.ops if op.kind not in vocabulary.LAYOUT for n in op.inputs}
    for op in trace.ops:
        refs = {
            role: _ref(trace, name, op, role)
            for number, role in zip(op.inputs, op.roles, strict=True)
            if (name := trace.parameter(number)) is not None
            and name not in seen
            and not (op.kind in vocabulary.LAYOUT and number in computing)
        }
        if not refs:
            continue
        seen.update(str(ref) for ref in refs.values())
        source = next((n for n in op.inputs if trace.parameter(n) is None), None)
        place = None if source is None else linear.get(source)
        use = Use(op=op, refs=refs, behind=None if place is None else found[place])
        rule = next(rule for rule in UNIT_RULES if rule.applies(use))
        roles = rule.roles(refs)
        if rule.joins and place is not None:
            found[place] = replace(found[place], refs={**found[place].refs, **roles})
            continue
        kind = rule.kind or op.kind
        if kind == "linear":
            linear[op.outputs[0]] = len(found)
        found.append(Unit(kind=kind, name=_name(op, rule, roles), source=source, output=op.outputs[0], refs=roles))
    return found


def _name(op: Op, rule: UnitRule, roles: Mapping[str, Ref]) -> str:
    if "part" in op.attrs:
        part = op.attrs["part"]
        return f"{op.scope}.{PROJECTIONS.get(part, f'{part}_proj')}".lstrip(".")
    first = next(iter(roles.values())).name
    return first if rule.by_parameter else first.rpartition(".")[0]


def _ref(trace: Trace, name: str, op: Op, role: str) -> Ref:
    match = PART.match(name)
    whole, rows = (match[1], (int(match[2]), int(match[3]))) if match else (name, None)
    tensor = trace.state[whole]
    shape = tensor.shape if rows is None else (rows[1] - rows[0], *tensor.shape[1:])
    transposed = _is_transposed(op, role, shape) or _is_transposed_linear(trace, whole, op, shape)
    return Ref(whole, rows, transposed, shape[::-1] if transposed else shape, tensor.buffer)


def _is_transposed(op: Op, role: str, shape: Sequence[int]) -> bool:
    """Whether an operation uses a parameter as [in, out]."""
    if op.kind == "linear" and role == "weight":
        return bool(op.attrs.get("layout") == "in_out")
    return op.kind == "matmul" and role == "other" and len(shape) == 2 and not op.attrs.get("transpose_other")


def _is_transposed_linear(trace: Trace, name: str, op: Op, shape: Sequence[int]) -> bool:
    """Whether an operation that is no product takes the weight of a linear layer that keeps it as [in, out].

    A weight that is quantised or normalised on its way is its layer's all the same: what its layout is, other
    products of the run tell.
    """
    layer, _, own = name.rpartition(".")
    if own != "weight" or len(shape) != 2 or trace.layers.get(layer) != LINEAR or op.kind in vocabulary.AFFINE:
        return False
    return any(other.attrs.get("layout") == "in_out" for other in trace.ops if other.kind == "linear")
