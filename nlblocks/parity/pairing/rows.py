"""The pairing as rows, one for each pair of tensors: for people, for JSON, and for whoever converts by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from nlblocks.parity.pairing.layouts import extents
from nlblocks.parity.pairing.units import Ref

Move = Literal["", "transposed", "reshaped"]
By = Literal["rename", "name", "flow", "attributes", "order", "shape", "rest", "tensor", "layer"]
"""What decided a pair.

The user's hint; names; what goes into the layer and what it goes into; attributes that tell it from others in the same
place; the order in which layers of one kind run, and names among these; kind and shape alone; what was left, of other
shapes; the tensor's size and name, apart from the layer that uses it; the layer around it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """A tensor of the left and the one of the right that it is, rows of one as "name[0:8]".

    The shapes are as each model holds them, ``role`` is what the layer uses it as. ``move`` is what becomes of the
    left's layout on the right: "" where it stays. ``by`` is what decided, and a pair is ``ambiguous`` where another
    partner would have done as well.
    """

    left: str
    right: str
    role: str
    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    move: Move
    by: By
    ambiguous: bool

    @classmethod
    def of(cls, mine: Ref, theirs: Ref, role: str, by: By, *, ambiguous: bool) -> PairRow:
        """The row of two references."""
        shapes = _held(mine), _held(theirs)
        turned = mine.transposed != theirs.transposed and len(extents(mine.shape)) > 1
        move: Move = "transposed" if turned else "" if shapes[0] == shapes[1] else "reshaped"
        return cls(
            left=str(mine), right=str(theirs), role=role, left_shape=shapes[0], right_shape=shapes[1], move=move, by=by,
            ambiguous=ambiguous,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The fields, JSON-ready."""
        return {**asdict(self), "left_shape": list(self.left_shape), "right_shape": list(self.right_shape)}


def _held(ref: Ref) -> tuple[int, ...]:
    """The shape as the model holds it."""
    return ref.shape[::-1] if ref.transposed else ref.shape
