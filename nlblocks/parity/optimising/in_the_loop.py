"""What a training loop did to gradients between the backward pass and the optimiser, inferred from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.parity.optimising.settings import Clip, norm

EXACT = 1e-9
"""Numbers that float64 arithmetic makes of the same numbers are this close, relative to the largest."""
EPSILONS = (0.0, 1e-6)
"""What is added to a norm that is limited: torch adds 1e-6."""
Decay = Mapping[str, Mapping[str, Any]]
"""What was added of the weights, by parameter: ``l1`` or ``l2`` to its coefficient."""


def done_in_the_loop(
    made: Sequence[State], given: Sequence[State], weights: Sequence[State]
) -> tuple[Clip | None, Decay]:
    """How the gradients that backward made became those that the optimiser was given: clipped, or decay added.

    Nothing where they are the same, or where it is neither.
    """
    steps = [
        [(name, step[name], step_given[name]) for name in step if name in step_given]
        for step, step_given in zip(made, given, strict=True)
    ]
    if all(a is b or np.array_equal(a, b) for step in steps for _, a, b in step):
        return None, {}
    decay = _decay(steps, weights)
    if decay:
        return None, decay
    found = sorted(_clips(steps), key=lambda clip: _odd(clip.limit))
    return (found[0] if found else None), {}


Steps = list[list[tuple[str, Array, Array]]]
"""By step: (parameter, the gradient that was made, the one that was given)."""


def _clips(steps: Steps) -> Iterator[Clip]:
    """All that explain the steps; where several do, their limits tell which was written."""
    factors = [[_factor(a, b) for _, a, b in step] for step in steps]
    if all(factor is not None for step in factors for factor in step):
        times = [[factor or 0.0 for factor in step] for step in factors]
        if all(max(step) - min(step) <= EXACT * max(step) for step in times):
            yield from _global(steps, [step[0] for step in times])
        one_each = [(norm([a]), factor) for step, own in zip(steps, times, strict=True)
                    for (_, a, _), factor in zip(step, own, strict=True)]  # fmt: skip
        yield from (Clip(kind="norm", limit=limit, eps=eps) for limit, eps in _limits(one_each))
    limit = max(float(b.max(initial=0.0)) for step in steps for _, _, b in step)
    low = min(float(b.min(initial=0.0)) for step in steps for _, _, b in step)
    if all(_close(np.clip(a, low, limit), b) for step in steps for _, a, b in step):
        yield Clip(kind="value", limit=limit, low=low)


def _global(steps: Steps, times: list[float]) -> Iterator[Clip]:
    """One factor for all gradients of a step."""
    if max(times) - min(times) <= EXACT * max(times):
        yield Clip(kind="scale", limit=_rounded(times[0]))
    elements = max(sum(a.size for _, a, _ in step) for step in steps)
    for order in (2.0, np.inf, 1.0):
        norms = [norm([a for _, a, _ in step], order) for step in steps]
        for limit, eps in _limits(list(zip(norms, times, strict=True))):
            yield Clip(kind="global norm", limit=limit, eps=eps, order=order, elements=elements)


def _limits(found: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """(limit, what is added) of norms that were multiplied by factors, where one limit explains them all."""
    for eps in EPSILONS:
        limits = [(size + eps) * times for size, times in found if times < 1 - EXACT]
        if limits and max(limits) - min(limits) <= EXACT * max(limits):
            limit = _rounded(limits[0])
            if all(times <= 1 + EXACT and (times < 1 - EXACT or size <= limit) for size, times in found):
                yield limit, eps


def _decay(steps: Steps, weights: Sequence[State]) -> Decay:
    """A multiple of the weights, or of their signs, that was added to the gradients: the same in each step."""
    found: dict[str, dict[str, float]] = {}
    for step, before in zip(steps, weights, strict=True):
        for name, a, b in step:
            added, own = b - a, np.asarray(before[name], np.float64)
            if _close(a, b):
                continue
            shares = {kind: _factor(base, added, np.abs(b).max()) for kind, base in (("l2", own), ("l1", np.sign(own)))}
            kind, share = next(((kind, share) for kind, share in shares.items() if share), ("l2", 0.0))
            known = found.setdefault(name, {kind: _rounded(share)})
            if not share or kind not in known or abs(known[kind] - share) > EXACT * abs(share):
                return {}
    return found


def _factor(of: Array, made: Array, scale: float | None = None) -> float | None:
    """How many times ``of`` an array is; None where it is none. Differences count in units of ``scale``."""
    square = float((of.astype(np.float64) ** 2).sum())
    if not square:
        return None if made.any() else 1.0
    times = float((of * made).sum()) / square
    largest = float(np.abs(made).max(initial=0.0)) if scale is None else float(scale)
    return times if float(np.abs(of * times - made).max(initial=0.0)) <= EXACT * largest else None


def _close(a: Array, b: Array) -> bool:
    return a.shape == b.shape and distance(a, b) <= EXACT


def _rounded(value: float) -> float:
    """The number that was written: without the last digits, which are rounding."""
    return float(f"{value:.9g}")


def _odd(value: float) -> float:
    """How far a number is from one of three digits: nobody writes others."""
    return abs(value - float(f"{value:.3g}")) / abs(value) if value else 1.0
