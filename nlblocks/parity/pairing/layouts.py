"""Which way round an operation uses a matrix: the layout of a parameter follows from its use, never from its shape."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.parity.tracing import Op, Trace

PRODUCTS = {"matmul", "addmm", "einsum"}
"""Kinds that multiply by a matrix; ``addmm`` adds to the product."""
MATRICES = ("other", "x")
"""The operands of a product: the matrix is the first of them that is a parameter."""
LINEAR = {"linear", "conv", "conv_transpose"}
"""Kinds of units that may have a bias of as many elements as they give channels."""
LAYER = "Linear"
"""What frameworks call the linear layer of their own."""


def extents(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without the axes of one element."""
    return tuple(extent for extent in shape if extent != 1) or (1,)


def fits(mine: Sequence[int], theirs: Sequence[int]) -> bool:
    """Whether a tensor of one shape is one of the other, element after element.

    They differ by axes of one element, or by neighbouring axes that are one axis on the other side: [12, 12, D] and
    [144, D]. A reshape from [2, 6] to [3, 4] only happens to fit.
    """
    a, b = list(extents(mine)), list(extents(theirs))
    while a and b:
        x, y, apart = a.pop(), b.pop(), [1, 1]
        while x != y:
            side = 0 if x < y else 1
            shorter = (a, b)[side]
            if not shorter:
                return False
            x, y = (x * shorter.pop(), y) if side == 0 else (x, y * shorter.pop())
            apart[side] += 1
        if min(apart) > 1:
            return False
    return not a and not b


class Layouts:
    """Reads which way round the parameters of a trace are used."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._linear = {op.attrs.get("layout") for op in trace.ops if op.kind == "linear"}

    def transposed(self, name: str, op: Op, role: str, shape: Sequence[int], *, turned: bool) -> bool:
        """Whether an operation uses a parameter as [in, out]; ``turned`` says that its axes are exchanged before."""
        return _used_transposed(op, role, shape, turned) or self._is_layers(name, op, shape)

    def turned(self, name: str, shape: Sequence[int], *, transposed: bool) -> bool | None:
        """Whether a linear layer's own square weight is used the other way round than it does; None for no such."""
        layer, _, own = name.rpartition(".")
        if own != "weight" or len(shape) != 2 or shape[0] != shape[1]:
            return None
        if self._trace.layers.get(layer) != LAYER or layer in self._trace.foreign:  # another keeps it as it likes
            return None
        return transposed != ("in_out" in self._linear) if self._linear else None

    def _is_layers(self, name: str, op: Op, shape: Sequence[int]) -> bool:
        """Whether an operation that is no product takes the weight of a linear layer that keeps it as [in, out].

        A weight that is modulated by the model's input on its way is its layer's all the same: what its layout is,
        other products of the run tell.
        """
        layer, _, own = name.rpartition(".")
        if own != "weight" or len(shape) != 2 or self._trace.layers.get(layer) != LAYER:
            return False
        return op.kind not in PRODUCTS | LINEAR and "in_out" in self._linear


def _used_transposed(op: Op, role: str, shape: Sequence[int], turned: bool) -> bool:
    """Whether an operation uses a parameter as [in, out]; ``turned`` says that its axes are exchanged before."""
    if len(extents(shape)) > 2:
        return False
    if op.kind == "linear" and role == "weight":
        return (op.attrs.get("layout") == "in_out") != turned
    if op.kind == "einsum":
        return len(extents(shape)) == 2 and (summed(op, role) == 0) != turned
    if op.kind not in PRODUCTS or role not in MATRICES or len(shape) < 2:
        return False
    given = bool(op.attrs.get("transpose_other" if role == "other" else "transpose_x"))
    return (role == "other") != (given != turned)


def summed(op: Op, role: str) -> int | None:
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
