"""A model as the sequence of its units: operations that use parameters for the first time, in execution order.

A parameter counts as used where something is computed from it: a view of it is still the parameter. How an operation is
read is a table, :data:`UNIT_RULES`: the first rule that applies says what unit it makes. The layout of a parameter
follows from what uses it, never from its shape: a weight that multiplies from the right is transposed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nlblocks.backend import Array
from nlblocks.parity.tracing import Op, Trace, vocabulary

PART = re.compile(r"^(.*)\[(\d+):(\d+)\]$")
"""How a trace writes some rows of a parameter: "in_proj_weight[0:8]"."""
PRODUCTS = {"matmul", "addmm", "einsum"}
"""Kinds that multiply by a matrix; ``addmm`` adds to the product."""
MATRICES = ("other", "x")
"""The operands of a product: the matrix is the first of them that is a parameter."""
LINEAR = {"linear", "conv", "conv_transpose"}
"""Kinds of units that may have a bias of as many elements as they give channels."""
JOINED = {"cat", "stack"}
"""Kinds that put tensors side by side."""
TURNS = {"transpose", "permute", "swapaxes", "movedim"}
"""Kinds that exchange the axes of a matrix."""
LAYER = "Linear"
"""What frameworks call the linear layer of their own."""
PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
"""What the layers inside a fused attention are called, by the ``part`` that they are of it."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A parameter, or some rows of one, as an operation uses it; ``shape`` is the canonical one, which is [out, in].

    A ``constant`` is a buffer that no checkpoint holds. Of the square weight of a framework's own linear layer
    ``turned`` says whether it is used the other way round than that layer does, which no shape shows; else it is None.
    """

    name: str
    rows: tuple[int, int] | None
    transposed: bool
    shape: tuple[int, ...]
    buffer: bool = False
    constant: bool = False
    turned: bool | None = None

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
        return self.kind, _extents(main.shape)

    @property
    def buffers(self) -> bool:
        """Whether it has nothing to train."""
        return all(ref.buffer for ref in self.refs.values())

    def __str__(self) -> str:
        return f"{self.name or 'the model'} ({self.kind} {'×'.join(map(str, self.signature[1]))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An operation that uses parameters for the first time: these by role, and the unit whose result it takes.

    ``behind`` is None where it takes another's; ``maker`` is the kind of the operation that made it.
    """

    op: Op
    refs: Mapping[str, Ref]
    behind: Unit | None
    maker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRule:
    """How the operations that it ``applies`` to are read.

    ``kind`` is the unit's, where it is not the operation's own; ``roles`` gives the unit's parameters by role, the
    operation's own unless told. The unit is named after the layer that its first parameter is of or, ``by_parameter``,
    after the parameter. Where it ``joins``, there is no unit: its parameters belong to the unit that it is behind.
    Where they are ``apart``, each of them is a unit.
    """

    applies: Callable[[Use], bool]
    kind: str = ""
    roles: Callable[[Mapping[str, Ref]], Mapping[str, Ref]] = dict
    by_parameter: bool = False
    joins: bool = False
    apart: bool = False


def of_kind(*kinds: str) -> Callable[[Use], bool]:
    """What applies to operations of some kinds."""
    return lambda use: use.op.kind in kinds


def _adds_bias(use: Use) -> bool:
    """A product and a sum are one linear layer; so are a convolution, or what scales, and a sum."""
    layer = use.behind
    if use.op.kind != "add" or layer is None or "bias" in layer.refs or len(use.refs) != 1:
        return False
    (ref,) = use.refs.values()
    scales = layer.kind in vocabulary.NORMALISATIONS or use.maker == "mul"
    return _fits(ref, layer) if scales else layer.kind in LINEAR and _extents(ref.shape) in _widths(layer)


def _as_bias(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    (ref,) = refs.values()
    return {"bias": ref}


def _scales_norm(use: Use) -> bool:
    """A normalisation without weights of its own, and a product."""
    layer = use.behind
    if use.op.kind != "mul" or layer is None or layer.kind not in vocabulary.NORMALISATIONS or len(use.refs) != 1:
        return False
    return "weight" not in layer.refs and _fits(next(iter(use.refs.values())), layer)


def _as_weight(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    (ref,) = refs.values()
    return {"weight": ref}


def _fits(ref: Ref, layer: Unit) -> bool:
    """Whether a parameter is of the size of a layer's own."""
    return _extents(ref.shape) == layer.signature[1]


def _widths(layer: Unit) -> list[tuple[int, ...]]:
    """What shapes the bias of a linear layer may have."""
    weight = layer.refs["weight"].shape
    return [_extents((width,)) for width in (weight[:2] if layer.kind == "conv_transpose" else weight[:1])]


def _extents(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without the axes of one element."""
    return tuple(extent for extent in shape if extent != 1) or (1,)


def _multiplies_by_matrix(use: Use) -> bool:
    return use.op.kind in PRODUCTS and any(_is_matrix(use.op, role, ref) for role, ref in use.refs.items())


def _is_matrix(op: Op, role: str, ref: Ref) -> bool:
    """Whether a parameter is the matrix of a product with something else."""
    if op.kind == "einsum":
        return _summed(op, role) is not None
    return role == "other" or (role == "x" and len(_extents(ref.shape)) == 2)


def _as_matrix(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    weight = next(role for role in (*MATRICES, *refs) if role in refs)
    return {"bias" if role == "added" else "weight": ref for role, ref in refs.items() if role in ("added", weight)}


def _as_sum(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    return {"bias" if role == "added" else "weight": ref for role, ref in refs.items()}


def _is_recurrent(use: Use) -> bool:
    """Their weights are many: "weight_ih_l0", "bias_hh_l1_reverse"."""
    return use.op.kind.startswith(("lstm", "gru", "rnn"))


def _is_cell(kind: str) -> Callable[[Use], bool]:
    """A cell that takes one step: its weights are those of a network of one layer."""
    return of_kind(f"{kind}_cell")


def _has_weight(use: Use) -> bool:
    return "weight" in use.refs


def _always(use: Use) -> bool:
    """Parameters that are no layer's: a gate, a position embedding."""
    return True


UNIT_RULES: tuple[UnitRule, ...] = (
    UnitRule(applies=_adds_bias, roles=_as_bias, joins=True),
    UnitRule(applies=_scales_norm, roles=_as_weight, joins=True),
    UnitRule(applies=_multiplies_by_matrix, kind="linear", roles=_as_matrix),
    *(UnitRule(applies=_is_cell(kind), kind=kind) for kind in vocabulary.RECURRENCES),
    UnitRule(applies=_is_recurrent),
    UnitRule(applies=of_kind(*vocabulary.NORMALISATIONS)),
    UnitRule(applies=_has_weight),
    UnitRule(applies=of_kind("addcmul"), kind="tensor", roles=_as_sum, by_parameter=True),
    UnitRule(applies=of_kind(*JOINED), kind="tensor", by_parameter=True, apart=True),
    UnitRule(applies=_always, kind="tensor", by_parameter=True, apart=True),
)
"""The first that applies counts; the last takes what no other does."""


def units(trace: Trace) -> list[Unit]:
    """The units of a model, each parameter where it is used first."""
    return _Reader(trace).units()


class _Reader:
    """Reads one trace: which tensors are views of parameters, and which are results of units."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.views: dict[int, _View] = {}
        for number in trace.origin:
            name = trace.parameter(number)
            if name is not None:
                self.views[number] = _View(name, False, None)
        self.found: list[Unit] = []
        self.makers: list[str] = []
        self.made: dict[int, int] = {}  # the position of the unit that makes a tensor
        self.owner: dict[str, int] = {}  # the position of the unit that a parameter belongs to

    def units(self) -> list[Unit]:
        for op in self.trace.ops:
            if not self._moves(op):
                self._read(op)
        for view in self.views.values():  # used as they are, or not at all
            if view.op is not None and view.name not in self.owner:
                self._add(view.op, UNIT_RULES[-1], {"weight": _ref(self.trace, view, view.op, "x")}, None)
        return self.found

    def _moves(self, op: Op) -> bool:
        """Whether an operation moves the elements of a parameter and does nothing else."""
        view = self.views.get(op.inputs[0]) if len(op.inputs) == 1 and op.kind in vocabulary.LAYOUT else None
        if view is None:
            return False
        self.views |= dict.fromkeys(op.outputs, _View(view.name, view.turned != (op.kind in TURNS), op))
        return True

    def _read(self, op: Op) -> None:
        used = [(role, n, self.views[n]) for n, role in zip(op.inputs, op.roles, strict=True) if n in self.views]
        rest = [n for n in op.inputs if n not in self.views]
        places = {self.made.get(n) for n in rest}
        place = places.pop() if len(places) == 1 else None
        refs = {role: _ref(self.trace, view, op, role) for role, _, view in used if view.name not in self.owner}
        if not refs:
            self._pass_on(op, place, [self.owner[view.name] for _, _, view in used])
            return
        source = rest[0] if rest else None
        behind = None if place is None else self.found[place]
        use = Use(op=op, refs=refs, behind=behind, maker="" if place is None else self.makers[place])
        rule = next(rule for rule in UNIT_RULES if rule.applies(use))
        if rule.joins and place is not None:
            self._join(op, place, rule.roles(refs))
        elif rule.apart:
            for ref in refs.values():
                self._add(op, rule, {"weight": ref}, source)
        else:
            roles = rule.roles(refs)
            self._add(op, rule, roles, source)
            for ref in refs.values():
                if str(ref) not in self.owner:
                    self._add(op, UNIT_RULES[-1], {"weight": ref}, source)

    def _pass_on(self, op: Op, place: int | None, owners: Sequence[int]) -> None:
        """A unit's result that is moved or joined is the unit's still; so is what another part of its weight gives."""
        if owners:
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

    def _add(self, op: Op, rule: UnitRule, roles: Mapping[str, Ref], source: int | None) -> None:
        place = len(self.found)
        kind, name = rule.kind or op.kind, _name(op, rule, roles)
        self.found.append(Unit(kind=kind, name=name, source=source, output=op.outputs[0], refs=roles))
        self.makers.append(op.kind)
        self.owner |= dict.fromkeys(map(str, roles.values()), place)
        self.made.setdefault(op.outputs[0], place)


@dataclass(frozen=True, slots=True)
class _View:
    """A parameter as it is or moved, by an operation; ``turned`` says that its axes are exchanged."""

    name: str
    turned: bool
    op: Op | None


def _name(op: Op, rule: UnitRule, roles: Mapping[str, Ref]) -> str:
    if "part" in op.attrs:
        part = op.attrs["part"]
        return f"{op.scope}.{PROJECTIONS.get(part, f'{part}_proj')}".lstrip(".")
    first = next(iter(roles.values())).name
    return first if rule.by_parameter else first.rpartition(".")[0]


def _ref(trace: Trace, view: _View, op: Op, role: str) -> Ref:
    match = PART.match(view.name)
    whole, rows = (match[1], (int(match[2]), int(match[3]))) if match else (view.name, None)
    tensor = trace.state[whole]
    shape = tensor.shape if rows is None else (rows[1] - rows[0], *tensor.shape[1:])
    transposed = _is_transposed(op, role, shape, view.turned) or _is_transposed_linear(trace, whole, op, shape)
    turned = _is_turned(trace, whole, op, shape, transposed)
    return Ref(whole, rows, transposed, shape[::-1] if transposed else shape, tensor.buffer, not tensor.saved, turned)


def _is_turned(trace: Trace, name: str, op: Op, shape: Sequence[int], transposed: bool) -> bool | None:
    layer, _, own = name.rpartition(".")
    if own != "weight" or len(shape) != 2 or shape[0] != shape[1]:
        return None
    if trace.layers.get(layer) != LAYER or layer in trace.foreign:  # another may keep its weight as it likes
        return None
    layouts = {other.attrs.get("layout") for other in (op, *trace.ops) if other.kind == "linear"}
    return transposed != ("in_out" in layouts) if layouts else None


def _is_transposed(op: Op, role: str, shape: Sequence[int], turned: bool) -> bool:
    """Whether an operation uses a parameter as [in, out]; ``turned`` says that its axes are exchanged before."""
    if len(_extents(shape)) > 2:
        return False
    if op.kind == "linear" and role == "weight":
        return (op.attrs.get("layout") == "in_out") != turned
    if op.kind == "einsum":
        return len(_extents(shape)) == 2 and (_summed(op, role) == 0) != turned
    if op.kind not in PRODUCTS or role not in MATRICES or len(shape) < 2:
        return False
    given = bool(op.attrs.get("transpose_other" if role == "other" else "transpose_x"))
    return (role == "other") != (given != turned)


def _summed(op: Op, role: str) -> int | None:
    """Which axis of an einsum's matrix is summed over, the other being one of the result; None where it is no such."""
    given, _, result = str(op.attrs.get("equation", "")).replace(" ", "").partition("->")
    terms = given.split(",")
    position = list(op.roles).index(role)
    if len(terms) != len(op.roles) or len(terms) != 2 or len(terms[position]) != 2:
        return None
    mine, other = terms[position], terms[1 - position]
    summed = [i for i, letter in enumerate(mine) if letter in other and letter not in result]
    kept = [i for i, letter in enumerate(mine) if letter not in other and letter in result]
    return summed[0] if len(summed) == 1 and len(kept) == 1 else None


def _is_transposed_linear(trace: Trace, name: str, op: Op, shape: Sequence[int]) -> bool:
    """Whether an operation that is no product takes the weight of a linear layer that keeps it as [in, out].

    A weight that is quantised or normalised on its way is its layer's all the same: what its layout is, other
    products of the run tell.
    """
    layer, _, own = name.rpartition(".")
    if own != "weight" or len(shape) != 2 or trace.layers.get(layer) != LAYER or op.kind in PRODUCTS | LINEAR:
        return False
    return any(other.attrs.get("layout") == "in_out" for other in trace.ops if other.kind == "linear")
