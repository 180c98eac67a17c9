"""Parameters that a layer's weight is computed from: which of one side's is which of the other's.

A norm's direction and length, the vectors of a power iteration, the two factors of a low rank: by what their names end
in, then by their shape.
"""

from __future__ import annotations

from dataclasses import replace

from nlblocks.parity.pairing.layouts import extents
from nlblocks.parity.pairing.names import likeness, tokens
from nlblocks.parity.pairing.units import BESIDE, Ref, Unit

WORD, SHAPE = 2.0, 1.0
"""What an equal last word is worth, and an equal shape; a likeness of names is worth less than either."""


def agreed(a: Unit, b: Unit) -> tuple[Unit, Unit, list[str]]:
    """Both units with one role for each two tensors that are each other's, and the names of those that are guessed."""
    mine, theirs = _beside(a), _beside(b)
    if not mine or not theirs:
        return a, b, []
    ranked = sorted(
        ((_worth(x, y), i, j) for i, (_, x) in enumerate(mine) for j, (_, y) in enumerate(theirs)),
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
    refs = dict(b.refs)
    for j in found.values():
        del refs[theirs[j][0]]
    refs |= {mine[i][0]: theirs[j][1] for i, j in found.items()}
    return a, replace(b, refs=refs), guessed


def _beside(unit: Unit) -> list[tuple[str, Ref]]:
    return [(role, ref) for role, ref in unit.refs.items() if BESIDE in role]


def _worth(x: Ref, y: Ref) -> float:
    """How much speaks for two tensors to be one; less than a shape where nothing does."""
    if x.buffer != y.buffer:
        return 0.0
    words = _word(x.name), _word(y.name)
    word = WORD if words[0] == words[1] and words[0] else 0.0
    shape = SHAPE if extents(x.shape) == extents(y.shape) else 0.0
    return word + shape + (likeness(x.name, y.name) / 2 if word or shape else 0.0)


def _word(name: str) -> str:
    """What a parameter is called beside the weight: "u" of "weight_u" and of "0._u"."""
    last = tokens(name)[-1]
    return last.removeprefix("weight") or last
