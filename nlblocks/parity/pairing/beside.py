"""Parameters that a layer's weight is computed from: which of one side's is which of the other's.

A norm's direction and length, the vectors of a power iteration, the two factors of a low rank: by what their names end
in, then by their shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nlblocks.parity.pairing.layouts import extents
from nlblocks.parity.pairing.names import likeness, tokens
from nlblocks.parity.pairing.units import BESIDE, Ref, Unit

Roles = Sequence[tuple[str, Ref]]
"""Tensors of a unit and their roles."""

WORD, SHAPE, MAIN = 2.0, 1.0, 0.6
"""What an equal last word is worth, an equal shape, and that both are what the weight is a form of.

A likeness of names is worth half of itself, so that it decides last.
"""


def agreed(a: Unit, b: Unit) -> tuple[Unit, Unit, list[str]]:
    """Both units with one role for each two tensors that are each other's, and the names of those that are guessed.

    The right's take the roles of the left's. Parts of one tensor are told apart by their names first, the one that it
    is taken for a form of included: the biases of q and v that are joined may be written in another order.
    """
    guessed: list[str] = []
    for base in [role for role in a.refs if BESIDE not in role and role in b.refs]:
        mine, theirs = _beside(a, base), _beside(b, base)
        if len(theirs) == 1 and _joined(mine, theirs[0][1]):
            b = replace(b, refs={**b.refs, **_in_rows(mine, theirs[0][1])})
        elif len(mine) == 1 and _joined(theirs, mine[0][1]):
            a = replace(a, refs={**a.refs, **_in_rows(theirs, mine[0][1])})
        elif len(mine) > 1 and len(theirs) > 1:
            found, unsure = _assigned(mine, theirs)
            refs = {role: ref for role, ref in b.refs.items() if role not in {theirs[j][0] for j in found.values()}}
            b = replace(b, refs=refs | {mine[i][0]: theirs[j][1] for i, j in found.items()})
            guessed += unsure
    return a, b, guessed


def _assigned(mine: Roles, theirs: Roles) -> tuple[dict[int, int], list[str]]:
    """The pairs by their positions, the surest first, and the names of those that another would do for as well."""
    ranked = sorted(
        ((_worth(x, y), i, j) for i, x in enumerate(mine) for j, y in enumerate(theirs)),
        key=lambda row: (-row[0], row[1], row[2]),
    )
    found: dict[int, int] = {}
    guessed: list[str] = []
    for worth, i, j in ranked:
        if worth < SHAPE or i in found or j in found.values():
            continue
        as_well = [w for w, x, y in ranked if w == worth and (x == i) != (y == j) and x not in found]
        guessed += [str(mine[i][1])] if as_well else []
        found[i] = j
    return found, guessed


def _joined(parts: Roles, whole: Ref) -> bool:
    """Whether vectors are the parts that one vector is made of."""
    vectors = all(len(ref.shape) == 1 and ref.rows is None for ref in (whole, *(ref for _, ref in parts)))
    return vectors and len(parts) > 1 and sum(ref.shape[0] for _, ref in parts) == whole.shape[0]


def _in_rows(parts: Roles, whole: Ref) -> dict[str, Ref]:
    """A vector as its parts, in the roles of the other side's, which lie in this order."""
    found, start = {}, 0
    for role, ref in parts:
        stop = start + ref.shape[0]
        found[role] = replace(whole, rows=(start, stop), shape=ref.shape)
        start = stop
    return found


def turned(a: Unit, b: Unit) -> Unit:
    """The right unit, with the tensors turned that fit the left's in no other way: [7, 2] beside [2, 7].

    Which way round a matrix is used, products tell. Of a table or an embedding nothing but the shape does, where its
    extents differ.
    """
    refs = dict(b.refs)
    for role, ref in b.refs.items():
        mine = a.refs.get(role)
        if mine is not None and "tensor" in (a.kind, b.kind) and _is_turned(mine, ref):
            refs[role] = replace(ref, transposed=not ref.transposed, shape=ref.shape[::-1])
    return replace(b, refs=refs) if refs != b.refs else b


def _is_turned(mine: Ref, theirs: Ref) -> bool:
    """Whether two matrices, whatever axes of one element they have besides, have each other's extents."""
    shapes = extents(mine.shape), extents(theirs.shape)
    whole = mine.rows is None and theirs.rows is None
    return whole and len(shapes[0]) == 2 and shapes[0] == shapes[1][::-1] and not mine.fits(theirs)


def _beside(unit: Unit, base: str) -> Roles:
    """The tensor in a role, and those that it is computed with."""
    return [(role, ref) for role, ref in unit.refs.items() if role.partition(BESIDE)[0] == base]


def _worth(mine: tuple[str, Ref], theirs: tuple[str, Ref]) -> float:
    """How much speaks for two tensors to be one; less than a shape where nothing does."""
    (role, x), (other, y) = mine, theirs
    if x.buffer != y.buffer:
        return 0.0
    words = _word(x.name), _word(y.name)
    word = WORD if words[0] == words[1] and words[0] else 0.0
    shape = SHAPE if extents(x.shape) == extents(y.shape) else 0.0
    main = MAIN if BESIDE not in role and BESIDE not in other else 0.0
    return word + shape + main + (likeness(x.name, y.name) / 2 if word or shape else 0.0)


def _word(name: str) -> str:
    """What a parameter is called beside the weight: "u" of "weight_u" and of "0._u"."""
    last = tokens(name)[-1]
    return last.removeprefix("weight") or last
