"""What the pairing of two models leaves over: layers without a partner, other shapes, other values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from nlblocks.backend import State
from nlblocks.numerics import distance
from nlblocks.parity.findings import CAUSES, Finding
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Trace

BUFFERS_NAMED = 5
"""Buffers that one note names."""
_finding = partial(Finding, phase="pairing", place="parameters")


def unpaired(pairs: Pairing, *, transferred: bool, states: tuple[State, State]) -> Iterator[Finding]:
    """What has no partner, and what has another shape or, where nothing was transferred, other values."""
    yield from _lacking(pairs)
    yield from _alone(pairs)
    yield from _unlike(pairs, None if transferred else states)
    yield from _turned(pairs)
    yield from _folded(pairs, transferred=transferred)
    yield from _foldable(pairs)
    yield from _left_out(pairs)
    yield from _misplaced(pairs)
    yield from _buffers(pairs) if transferred else ()
    for text in (*pairs.hinted, *pairs.ambiguous):
        yield _finding(explanation=text, severity="note")
    for side, unused, cut in zip(("left", "right"), pairs.unused, pairs.cut, strict=True):
        if unused and not cut:
            yield _finding(explanation=f"never used on the {side}: {', '.join(unused)}", severity="note")


def not_put_back(left: Trace, right: Trace) -> Iterator[Finding]:
    """What the runs changed in a model and could not put back: said, for the model is not as it was."""
    for side, trace in (("left", left), ("right", right)):
        for text in trace.lost:
            yield _finding(explanation=f"could not be put back on the {side}: {text}", severity="note")


def _lacking(pairs: Pairing) -> Iterator[Finding]:
    """Roles that only one unit of a pair has: a bias, gamma and beta."""
    folded = [fold.pair for fold in pairs.foldable]
    for left, right, role, side in pairs.lacking():
        if role.startswith("running") or (role == "bias" and (left, right) in folded):
            continue  # what a layer does without them, its outputs tell; and that a norm may be folded is said
        own = (left if side == "right" else right).refs[role]
        kind = left.kind if left.kind == right.kind and role in ("weight", "bias") else "layer"
        cause = CAUSES.of(
            "conv" if kind.startswith("conv") else kind,
            "bias" if kind in ("conv", "linear", "conv_transpose") else "affine",
        )
        yield _finding(
            layer_left=left.name,
            layer_right=right.name,
            cause=cause if cause in CAUSES and kind != "layer" else "parameters.unpaired",
            # A constant that the other side writes into its code: the outputs tell what it does without it.
            severity="note" if own.buffer else "fault",
            explanation=f"{role} is missing on the {side}: {left} / {right}",
            lacking="left" if side == "left" else "right",
        )


def _alone(pairs: Pairing) -> Iterator[Finding]:
    """Units without a partner, where the other side's run came to its end and used none."""
    folded = [fold.norm for fold in pairs.foldable]
    for side, units, cut in zip(("left", "right"), (pairs.left_only, pairs.right_only), pairs.cut[::-1], strict=True):
        for unit in () if cut else (unit for unit in units if unit not in folded):
            names = ", ".join(str(ref) for ref in unit.refs.values())
            yield _finding(
                layer_left=unit.name if side == "left" else "",
                layer_right=unit.name if side == "right" else "",
                cause="parameters.unpaired",
                # A constant that the other side writes into its code: the outputs tell what it does without it.
                severity="note" if unit.buffers else "fault",
                explanation=f"{unit} on the {side} has no partner ({names}); use rename= if it has one",
            )


def _unlike(pairs: Pairing, states: tuple[State, State] | None) -> Iterator[Finding]:
    """Paired tensors of another size or, where ``states`` are to be compared, of other values."""
    for mine, theirs, role, a, b in pairs.roles():
        if not mine.fits(theirs):
            shapes = f"{list(mine.shape)} on the left, {list(theirs.shape)} on the right"
            yield _finding(
                layer_left=a.name,
                layer_right=b.name,
                cause="parameters.shape",
                explanation=f"{role} is {shapes}{b.said_of(mine)}",
            )
        elif states is not None:
            gap = distance(mine.read(states[0]).ravel(), theirs.read(states[1]).ravel())
            if gap > 0:
                yield _finding(
                    layer_left=a.name,
                    layer_right=b.name,
                    cause="parameters.values",
                    explanation=f"{role} differs by {gap:.1e} of its largest value",
                    error=gap,
                )


def _folded(pairs: Pairing, *, transferred: bool) -> Iterator[Finding]:
    """Norms that a layer of the other side does the work of: said, and a fault where its weights are not both's.

    Those of another model say nothing, but the same model's in part are a fault whatever is moved.
    """
    own = not transferred or any(fold.error is not None for fold in pairs.folds)
    for fold in pairs.folds:
        a, b = fold.pair
        wrong = own and fold.error is None
        yield _finding(
            layer_left=a.name,
            layer_right=b.name,
            cause="parameters.values" if wrong else None,
            severity="fault" if wrong else "note",
            explanation=f"{fold}{', and holds other values than both' if wrong else ''}",
        )


def _foldable(pairs: Pairing) -> Iterator[Finding]:
    """Norms that may be in a layer of the other side, whose weights are another model's: nothing tells."""
    for fold in pairs.foldable:
        here, there = ("left", "right") if fold.side == 0 else ("right", "left")
        names = (fold.norm.name, fold.folded.name)[:: 1 - 2 * fold.side]
        text = (
            f"{fold.norm} on the {here} has no partner, and {fold.folded.name} on the {there} has a bias that "
            f"{fold.layer.name} lacks: the norm is folded into it, or missing; its weights are not the product of "
            f"both, so nothing tells, and what the {here} holds cannot be moved"
        )
        yield _finding(layer_left=names[0], layer_right=names[1], cause="batch_norm.folded", explanation=text)


def _misplaced(pairs: Pairing) -> Iterator[Finding]:
    """Weights that a file uses otherwise than the model that they are the same as."""
    for one in pairs.misplaced:
        yield _finding(
            layer_left=one.left.name, layer_right=one.right.name, cause="parameters.misplaced", explanation=str(one)
        )


def _buffers(pairs: Pairing) -> Iterator[Finding]:
    """Buffers that are other constants in the two models as they were built: a checkpoint may make them the same."""
    for moves, words in (
        (True, "the right was given the left's, as by a converted checkpoint; without one it computes with its own"),
        (False, "no checkpoint holds them, so that each side was run with its own"),
    ):
        names = [f"{a} / {b}" for a, b, moved in pairs.unlike if moved == moves]
        if names:
            more = f" and {len(names) - BUFFERS_NAMED} more" if len(names) > BUFFERS_NAMED else ""
            named = ", ".join(names[:BUFFERS_NAMED])
            yield _finding(explanation=f"buffers with other values as built: {named}{more}; {words}", severity="note")


def _left_out(pairs: Pairing) -> Iterator[Finding]:
    """Biases of zeros that the other side, which has nothing to train, does without."""
    for name, side in pairs.left_out:
        yield _finding(explanation=f"{name} on the {side} is zero, and left out on the other side", severity="note")


def _turned(pairs: Pairing) -> Iterator[Finding]:
    """Linear layers of both frameworks' own, of which one side uses the square weight the other way round.

    Moved as they are used they compute the same. A file has them as the layers keep them, and loads into another model.
    """
    for mine, theirs, role, a, b in pairs.roles():
        if mine.turned is not None and theirs.turned is not None and mine.turned != theirs.turned:
            side = "left" if mine.turned else "right"
            yield _finding(
                layer_left=a.name,
                layer_right=b.name,
                cause="linear.transposed",
                explanation=f"{role} is used the other way round than a linear layer keeps it on the {side} alone",
            )
