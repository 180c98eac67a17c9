"""Where gradients part although values agree, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import CEILING, TINY
from nlblocks.parity.explaining.fit import NO_FACTOR, factor_between
from nlblocks.parity.explaining.registry import Registry
from nlblocks.parity.findings import Finding
from nlblocks.parity.matching import Alignment
from nlblocks.parity.tracing import Op, Trace, TraceGraph

PICKING = {"max", "amax", "min", "amin", "max_pool", "adaptive_max_pool"}
"""Kinds that hand the gradient to some of their inputs."""


@dataclass(frozen=True, slots=True)
class GradientLocated:
    """A finding with the tensors of the left and of the right whose gradients differ, and the operations at fault."""

    finding: Finding
    numbers: tuple[int, int]
    ops: Mapping[str, Op | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientHypothesis:
    """What a hypothesis about a backward pass is given: one tensor's gradients, and what uses the tensor."""

    mine: Array | None
    theirs: Array | None
    value: Array
    left: Op | None
    right: Op | None

    @property
    def kinds(self) -> set[str]:
        return {op.kind for op in (self.left, self.right) if op is not None}

    def both(self) -> tuple[Array, Array] | None:
        """The two gradients, where both are there and of one shape."""
        if self.mine is None or self.theirs is None or self.mine.shape != self.theirs.shape:
            return None
        return self.mine, self.theirs


Guess = tuple[str, str, float | None]
"""(cause, words, what is left of the difference)."""
gradient_hypothesis: Registry[Callable[[GradientHypothesis], Guess | None]] = Registry(
    "detached", "not_finite", "ties", "kink", "scaled"
)
"""Why gradients part: what is known to go wrong in a backward pass alone, the first that holds."""


def localise_gradient(
    left: Trace, right: Trace, wrong: Collection[str], error: float, tolerance: float = CEILING
) -> GradientLocated | None:
    """Where gradients part although the forward agrees: the last operation, seen from the input, that is at fault.

    ``wrong`` are the origins whose gradients differ: "input:0", "parameter:conv.weight". What differs on the way and
    reaches none of them (ties that a ReLU hides) is no fault; what differs by no more than the ``tolerance`` is
    rounding.
    """
    alignment = Alignment(left, right)
    apart = _apart(alignment, tolerance)
    if not apart:
        return None
    number = max(_reaching(alignment, apart, wrong) or apart)
    other = apart[number]
    ops = _dividing(alignment.left.consumers[number], alignment.right.consumers[other])
    at = GradientHypothesis(
        mine=left.grads.get(number), theirs=right.grads.get(other), value=left.values[number],
        left=ops["left"], right=ops["right"],
    )  # fmt: skip
    guesses = (registered.function(at) for registered in gradient_hypothesis)
    guess = next((guess for guess in guesses if guess is not None), None)
    return GradientLocated(_finding(alignment, ops, (number, other), guess, error), (number, other), ops)


def _apart(alignment: Alignment, tolerance: float) -> dict[int, int]:
    """The left's results whose gradient is that of no partner, each with a partner."""
    left, right = alignment.left.trace, alignment.right.trace
    apart: dict[int, int] = {}
    for number, partners in alignment.to_right.items():
        if number in alignment.left.live and left.parameter(number) is None:
            verdicts = [_agree(left, right, number, other, tolerance) for other in partners]
            if False in verdicts and True not in verdicts:
                apart[number] = partners[verdicts.index(False)]
    return apart


def _agree(left: Trace, right: Trace, number: int, other: int, tolerance: float) -> bool | None:
    """Whether two tensors have the same gradient, in whatever layout; None where neither can be known."""
    a, b = left.grads.get(number), right.grads.get(other)
    if (a is None and b is None) or left.lost_gradient(number) or right.lost_gradient(other):
        return None
    if a is None or b is None or a.size != b.size:
        return False
    if a.shape != b.shape:
        a, b = np.sort(a.ravel()), np.sort(b.ravel())
    return distance(a, b) <= tolerance


def _finding(
    alignment: Alignment, ops: Mapping[str, Op | None], numbers: tuple[int, int], guess: Guess | None, error: float
) -> Finding:
    """At the operation, or, where a tensor is detached, between what makes it and what uses it."""
    graphs, (left, right) = (alignment.left, alignment.right), (ops["left"], ops["right"])
    text = f"values agree and gradients do not, at the input of {left or right}; no known cause explains it"
    cause, text, rest = guess or (None, text, None)
    operation = (str(left or ""), str(right or ""))
    if cause == "gradient.detached":
        makers = [graph.producer.get(number) for graph, number in zip(graphs, numbers, strict=True)]
        return Finding(
            phase="backward",
            place="between",
            cause=cause,
            explanation=text,
            error=error,
            after=(_own(graphs[0], makers[0], -1), _own(graphs[1], makers[1], -1)),
            before=(_own(graphs[0], left, 1), _own(graphs[1], right, 1)),
            operation=operation,
        )
    leaf = any(op is not None and op.leaf for op in (left, right))
    own = all(op is None or graph.is_layer(op) for graph, op in zip(graphs, (left, right), strict=True))
    return Finding(
        phase="backward",
        place="layer" if leaf and own else "between",
        layer_left=left.scope if left else "",
        layer_right=right.scope if right else "",
        cause=cause,
        explanation=text,
        after=(graphs[0].around(left, -1), graphs[1].around(right, -1)),
        before=(graphs[0].around(left, 1), graphs[1].around(right, 1)),
        operation=operation,
        sites=(left.site if left else "", right.site if right else ""),
        error=error,
        error_explained=rest,
    )


def _own(graph: TraceGraph, op: Op | None, direction: int) -> str:
    """An operation's own layer, or the nearest."""
    return op.scope if op is not None and op.leaf else graph.around(op, direction)


def _odd(users: Sequence[Op], others: Sequence[Op]) -> Op | None:
    """The operation whose like the other side has not, else the first."""
    kinds = {op.kind for op in others}
    return next((op for op in users if op.kind not in kinds), next(iter(users), None))


def _reaching(alignment: Alignment, apart: Mapping[int, int], wrong: Collection[str]) -> set[int]:
    """The tensors with other gradients through which those of the wrong origins become so."""
    graph, found = alignment.left, set[int]()
    stack = [n for n, origin in graph.trace.origin.items() if origin in wrong]
    while stack:
        number = stack.pop()
        if number in found or not (number in apart or number in graph.trace.origin or number not in alignment.to_right):
            continue
        found.add(number)
        stack += [n for op in graph.consumers[number] for n in op.outputs]
    return found & set(apart)


def _dividing(left: Sequence[Op], right: Sequence[Op]) -> dict[str, Op | None]:
    """What uses a tensor on either side: a use that lets no gradient through on one side only, else the odd one."""
    uses = {"left": left, "right": right}
    cut = {side: next((op for op in ops if op.kind == "detach"), None) for side, ops in uses.items()}
    if (cut["left"] is None) == (cut["right"] is None):
        return {"left": _odd(left, right), "right": _odd(right, left)}
    return {side: cut[side] or next(iter(reversed(ops)), None) for side, ops in uses.items()}


@gradient_hypothesis("gradient.detached")
def detached(at: GradientHypothesis) -> Guess | None:
    """One side lets no gradient through."""
    if "detach" not in at.kinds and at.mine is not None and at.theirs is not None:
        return None
    side = "left" if at.mine is None or (at.left is not None and at.left.kind == "detach") else "right"
    return "gradient.detached", f"the {side} lets no gradient through here: detached from the graph", None


@gradient_hypothesis("values.not_finite")
def not_finite(at: GradientHypothesis) -> Guess | None:
    """NaN or infinity where the other side has a number."""
    both = at.both()
    if both is None:
        return None
    for side, own, other in (("left", *both), ("right", *both[::-1])):
        count = int((~np.isfinite(own) & np.isfinite(other)).sum())
        if count:
            text = (
                f"the gradient of the {side} is NaN or infinite in {count} of {own.size} elements, the other's is not"
            )
            return "values.not_finite", text, None
    return None


@gradient_hypothesis("gradient.ties")
def ties(at: GradientHypothesis) -> Guess | None:
    """The gradient goes to other ones of equal maxima."""
    both = at.both()
    if both is None or not at.kinds & PICKING:
        return None
    mine, theirs = both
    gap = float(np.abs(mine.sum() - theirs.sum()))
    if not gap <= CEILING * max(np.abs(mine).sum(), TINY):
        return None
    apart = int(_elements_apart(both).sum())
    text = (
        f"equal maxima: the two sides give the gradient to other ones of them ({apart} elements; "
        f"the sums agree to {gap:.0e})"
    )
    return "gradient.ties", text, gap


@gradient_hypothesis("gradient.kink")
def kink(at: GradientHypothesis) -> Guess | None:
    """The gradient at the kink of an activation."""
    both = at.both()
    if both is None or not all(gradient.any() for gradient in both) or at.value.shape != both[0].shape:
        return None
    differing = _elements_apart(both)
    if not differing.any() or not (at.value[differing] == 0).all():
        return None
    return "gradient.kink", f"they differ only where the input is exactly 0 ({int(differing.sum())} elements)", 0.0


@gradient_hypothesis("gradient.scale")
def scaled(at: GradientHypothesis) -> Guess | None:
    """All of the gradient times a constant."""
    both = at.both()
    if both is None or not all(gradient.any() for gradient in both):
        return None
    mine, theirs = both
    factor = factor_between(mine, theirs)
    rest = float(np.abs(mine * factor - theirs).max() / np.abs(theirs).max())
    if not (rest < CEILING and abs(factor - 1) > NO_FACTOR):
        return None
    return "gradient.scale", f"the left's gradient times {factor:.6g} is the right's; with it {rest:.0e} is left", rest


def _elements_apart(gradients: tuple[Array, Array]) -> Array:
    """Which elements differ."""
    scale = max(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0) for gradient in gradients)
    return np.asarray(np.abs(gradients[0] - gradients[1]) > CEILING * scale)
