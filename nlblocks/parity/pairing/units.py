"""A model as the sequence of its units: operations that use parameters for the first time, in execution order.

A parameter counts as used where something is computed from it: a view of it is still the parameter. How an operation is
read is a table, :data:`UNIT_RULES`: the first rule that applies says what unit it makes. The layout of a parameter
follows from what uses it, never from its shape: a weight that multiplies from the right is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.pairing.layouts import LINEAR, MATRICES, PRODUCTS, extents, fits, summed
from nlblocks.parity.tracing import Op, vocabulary

RECURRENT = ("lstm", "gru", "rnn")
"""How the kinds of recurrent networks and cells begin."""
BESIDE = ":"
"""Between a role and the name of a parameter that the one in the role is computed with: "weight:fc.weight_g"."""
FAMILIES = {
    **dict.fromkeys(vocabulary.NORMALISATIONS, "norm"),
    **dict.fromkeys(("conv", "linear", "conv_transpose"), "affine"),
}
"""Kinds that may stand for each other where the sizes are equal: a 1x1 convolution is a linear layer."""
JOINED = {"cat", "stack"}
"""Kinds that put tensors side by side."""


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

    def fits(self, other: Ref) -> bool:
        """Whether the tensors are of one shape, but for how they are laid out."""
        return fits(self.shape, other.shape)

    def __str__(self) -> str:
        return self.name if self.rows is None else f"{self.name}[{self.rows[0]}:{self.rows[1]}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An operation that uses parameters for the first time, and those parameters by role.

    ``source`` and ``output`` are the numbers of the tensors that go in and come out. ``before`` are the outputs of the
    units whose results go into it with nothing that has parameters between, ``starts`` and ``ends`` the inputs of the
    model that do, and its outputs that the result goes into. ``attrs`` are those of its operation.
    """

    kind: str
    name: str
    source: int | None
    output: int
    refs: Mapping[str, Ref]
    before: frozenset[int] = frozenset()
    starts: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signature(self) -> tuple[str, tuple[int, ...]]:
        """Kind and shape: units that differ in it are no partners at first sight."""
        main = self.refs.get("weight") or next(iter(self.refs.values()))
        return self.kind, extents(main.shape)

    def said_of(self, ref: Ref) -> str:
        """What is said of a vector of the other side's power iteration that has another one's shape here."""
        beside = [own for role, own in self.refs.items() if BESIDE in role and own.buffer]
        exchanged = ref.buffer and len(beside) > 1 and any(ref.fits(own) for own in beside)
        return ": the weight is normalised along another axis, its dim" if exchanged else ""

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
    return _fits(ref, layer) if scales else layer.kind in LINEAR and extents(ref.shape) in _widths(layer)


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
    return extents(ref.shape) == layer.signature[1]


def _widths(layer: Unit) -> list[tuple[int, ...]]:
    """What shapes the bias of a linear layer may have."""
    weight = layer.refs["weight"].shape
    return [extents((width,)) for width in (weight[:2] if layer.kind == "conv_transpose" else weight[:1])]


def _multiplies_by_matrix(use: Use) -> bool:
    return use.op.kind in PRODUCTS and any(_is_matrix(use.op, role, ref) for role, ref in use.refs.items())


def _is_matrix(op: Op, role: str, ref: Ref) -> bool:
    """Whether a parameter is the matrix of a product with something else."""
    if op.kind == "einsum":
        return summed(op, role) is not None
    return role == "other" or (role == "x" and len(extents(ref.shape)) == 2)


def _as_matrix(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    weight = next(role for role in (*MATRICES, *refs) if role in refs)
    return {"bias" if role == "added" else "weight": ref for role, ref in refs.items() if role in ("added", weight)}


def _as_sum(refs: Mapping[str, Ref]) -> Mapping[str, Ref]:
    return {"bias" if role == "added" else "weight": ref for role, ref in refs.items()}


def _is_recurrent(use: Use) -> bool:
    """Their weights are many: "weight_ih_l0", "bias_hh_l1_reverse"."""
    return use.op.kind.startswith(RECURRENT)


def _is_cell(kind: str) -> Callable[[Use], bool]:
    """A cell that takes one step: its weights are those of a network of one layer."""
    return of_kind(f"{kind}_cell")


def _has_weight(use: Use) -> bool:
    return "weight" in use.refs


def _always(use: Use) -> bool:
    """Parameters that are no layer's: a gate, a position embedding."""
    return True


ALONE = UnitRule(applies=_always, kind="tensor", by_parameter=True, apart=True)
"""Each parameter by itself."""
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
    ALONE,
)
"""The first that applies counts; the last takes what no other does."""
