"""What a run decides where its numbers stand at a threshold or a tie, so that another run of the model decides alike.

A nudge measures rounding. Where a ReLU's input is 0, two scores are equal or a timestep 5.0 is cast to an integer, the
least of it falls on the other side, and what moves then is a jump and no rounding. So a run keeps what it decides, and
the nudged runs are held to it: numbers that have fallen on the other side are put back, as little as that takes, where
they are used. They are written over in the tensor's own memory, so that gradients go where they went before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.tolerance import HIDDEN, unmasked
from nlblocks.parity.recording.framework import Framework
from nlblocks.parity.recording.order import Order
from nlblocks.parity.tracing import vocabulary

Thresholds = Callable[[Mapping[str, Any]], Sequence[Any]]
"""(a call's attributes) → where its formula changes, in order."""


def _at(*numbers: float) -> Thresholds:
    return lambda attrs: numbers


def _around(*names: str, default: float) -> Thresholds:
    """Minus and plus an attribute, by the first of these names."""

    def found(attrs: Mapping[str, Any]) -> Sequence[Any]:
        half = next((attrs[name] for name in names if name in attrs), default)
        return (-half, half) if isinstance(half, float | int) else ()

    return found


def _hard_sigmoid(attrs: Mapping[str, Any]) -> Sequence[Any]:
    slope, offset = attrs.get("slope", 1 / 6), attrs.get("offset", 0.5)
    return -offset / slope, (1.0 - offset) / slope


KINKS: dict[str, Thresholds] = {
    **dict.fromkeys(("relu", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "abs", "softsign"), _at(0.0)),
    **dict.fromkeys(("sqrt", "rsqrt", "log", "pow", "norm", "p_norm", "normalize", "reciprocal"), _at(0.0)),
    "relu6": _at(0.0, 6.0),
    "hard_swish": _at(-3.0, 3.0),
    "hard_sigmoid": _hard_sigmoid,
    "clip": lambda attrs: (attrs.get("low"), attrs.get("high")),
    "softplus": lambda attrs: (attrs.get("threshold", 20.0) / attrs.get("beta", 1.0),),
    "threshold": lambda attrs: (attrs.get("threshold", attrs.get("x1")),),
    "thresholded_relu": lambda attrs: (attrs.get("threshold", attrs.get("x1", 1.0)),),
    **dict.fromkeys(("hardshrink", "softshrink"), _around("lambd", "threshold", "x1", default=0.5)),
}
"""Kinds whose formula, or whose gradient, changes at a number: each element is held below, at or above it."""
ORDERED = {
    "max_pool", "adaptive_max_pool", "max", "min", "amax", "amin", "aminmax", "sort", "msort", "argsort", "topk",
    "argmax", "argmin", "median", "nanmedian", "kthvalue", "mode", "quantile", "nanquantile", "cummax", "cummin",
    "unique",
}  # fmt: skip
"""Kinds that go by the order of a tensor's elements: it is held, with equal elements equal."""
COMPARED = {"maximum", "minimum", "fmax", "fmin", "max", "min", "l1_loss"}
"""Kinds that go by which of two tensors is larger, element by element."""
STEPPED = {"floor", "ceil", "round", "trunc", "fix", "sign", "sgn", "heaviside", "floor_divide", "floordiv"}
"""Kinds whose result stays where it is until it jumps: the result itself is held, as are all integers and booleans."""
WRAPPED = {"remainder", "mod", "floor_mod", "fmod", "frac"}
"""Kinds that leave what a whole number of divisors leaves over: that number is held."""
NEAR = {"float64": 1e-12, "float32": 1e-4}
"""A number may be put on the other side of a threshold over this share of the largest number in the run: not farther
than two correct runs are apart. What decides otherwise by more differs, and is held to nothing."""
GRID = ":grid"
"""Ends the site of a sampling, where it reads."""
NEAR_EXACT = 1e-5
"""The same for a float32 run that is held to what the same model decides in float64: a hundred roundings of the largest
number. A decision on what is further off its own float64 has lost precision."""
CLOSE = 16.0
"""Numbers this many units in the last place around a threshold are at it: kernels compute it in more ways than one."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """On which side of each threshold the elements are (-1, 0, 1), and those that are at one."""

    thresholds: Sequence[float]
    sides: Sequence[Array]
    at: Array
    values: Array

    @property
    def size(self) -> int:
        return self.sides[0].size if self.sides else 0

    @classmethod
    def of(cls, x: Array, thresholds: Sequence[Any]) -> _Sides:
        numbers = [float(t) for t in thresholds if isinstance(t, float | int) and np.isfinite(t)]
        sides = [_sides(x, number) for number in numbers]
        at = np.flatnonzero(reduce(or_, (side == 0 for side in sides))) if sides else np.zeros(0, int)
        return cls(numbers, sides, at, x.reshape(-1)[at].copy())

    def held(self, x: Array) -> Array:
        for number, sides in zip(self.thresholds, self.sides, strict=True):
            if sides.shape != x.shape:
                return x
            low, high = _just(number, x.dtype)
            if not (((x < high) & (sides > 0)) | ((x > low) & (sides < 0))).any():
                continue  # as nearly all are
            x = np.where(sides > 0, np.maximum(x, high), np.where(sides < 0, np.minimum(x, low), x))
        if self.at.size and (x.reshape(-1)[self.at] != self.values).any():
            x = x.copy()
            x.reshape(-1)[self.at] = self.values
        return x


@dataclass(frozen=True, slots=True)
class _Larger:
    """Which of two tensors is larger (-1, 0, 1), element by element."""

    sides: Array

    @property
    def size(self) -> int:
        return self.sides.size

    def held(self, x: Array, other: Array) -> Array:
        """The first of the two, put back."""
        if self.sides.shape != np.broadcast_shapes(x.shape, other.shape) or self.sides.shape != x.shape:
            return x
        infinity = np.asarray(np.inf, x.dtype)
        above, below = np.nextafter(other, infinity), np.nextafter(other, -infinity)
        moved = np.where(self.sides > 0, np.maximum(x, above), np.where(self.sides < 0, np.minimum(x, below), other))
        return np.asarray(moved, x.dtype)


class Decisions:
    """What one run decided, by the call's site. A run that is given them is ``held`` to them, any other fills them.

    ``largest`` is the largest number that the run computed, but for those that mask. ``moved`` is how far a held run
    was put back, by site: the number of elements, and the longest way. ``operands`` are the numbers that integers and
    steps were made of, by site: a run that fills decisions keeps them where it is given somewhere to, and one that is
    held to them and given them tells how far off its own are where it was put back.
    """

    def __init__(self, kept: Mapping[str, Any] | None = None, operands: Mapping[str, Any] | None = None) -> None:
        self.held = kept is not None
        self.kept: dict[str, Any] = dict(kept or {})
        self.operands: dict[str, tuple[Array, ...]] = dict(operands or {})
        self._exact = operands is not None
        self.largest = 0.0
        self.moved: dict[str, tuple[int, float]] = {}
        self._before: dict[str, tuple[Array, Any]] = {}

    def near(self, dtype: str, largest: float) -> bool:
        """Whether the run was put back no further than two correct runs are apart, beside its largest number."""
        return all(way <= (NEAR_EXACT if self._exact else NEAR[dtype]) * largest for _, way in self.moved.values())

    def exact(self) -> Decisions:
        """What is to hold a run of the same model in a lesser dtype to this one, made in float64.

        Where a sampling reads is left to the run: it is no decision but by its last digits.
        """
        kept = {site: one for site, one in self.kept.items() if not site.endswith(GRID)}
        return Decisions(kept, self.operands)

    def for_run_of(self, other: Decisions) -> Decisions:
        """What is to hold a run of another model to these: as many decisions of one shape are the same, in order."""
        mine, theirs = _by_shape(self.of_inputs()), _by_shape(other.of_inputs())
        alike = [shape for shape, sites in theirs.items() if len(mine.get(shape, ())) == len(sites)]
        return Decisions({b: self.kept[a] for s in alike for a, b in zip(mine[s], theirs[s], strict=True)})

    def of_inputs(self) -> dict[str, Any]:
        """What was decided on what went into a call: it says how far another run is from deciding alike."""
        return {site: kept for site, kept in self.kept.items() if isinstance(kept, _Sides | Order | _Larger)}

    def before(self, framework: Framework, call: Any) -> None:
        """Keep what a call will decide, or put its input back to where it decides alike."""
        x = call.arguments.get("x")
        if not isinstance(x, framework.tensor_type):
            return
        own = framework.to_numpy(x)
        if own.dtype.kind != "f" or not own.size:
            return
        other = _other(framework, call)
        if call.kind in STEPPED | WRAPPED:  # some write over what they are given
            self._before[call.site] = own.copy(), other
        elif call.kind == "grid_sample":
            self._grid(framework, call)
        elif call.kind in COMPARED and isinstance(other, np.ndarray):
            self._hold(framework, call.site, x, own, lambda: _Larger(_sign(own, other)), other)
        elif call.kind in ORDERED and not np.isnan(own).any():
            self._hold(framework, call.site, x, own, lambda: Order.of(own))
        elif call.kind in KINKS:
            self._hold(framework, call.site, x, own, lambda: _Sides.of(own, KINKS[call.kind](call.attrs)))

    def after(self, framework: Framework, call: Any, result: Any) -> Any:
        """Keep what a call gave, where that is a decision, or give the same."""
        if call.kind in WRAPPED:
            self._wrapped(framework, call, result)
            return result
        if type(result) in (bool, int):
            kept = self.kept.setdefault(f"{call.site}:", result)
            self._made_of(framework, call, int(kept != result))
            return kept
        stepped = call.kind in STEPPED or bool(call.attrs.get("rounding_mode"))
        if isinstance(result, framework.tensor_type):
            result = self._result(framework, call, 0, result, stepped)
        else:
            for place, tensor in enumerate(vocabulary.tensors_in(result, framework.tensor_type)):
                self._result(framework, call, place, tensor, stepped)
        self._before.pop(call.site, None)
        return result

    def _hold(self, framework: Framework, site: str, x: Any, own: Array, made: Callable[[], Any], *rest: Any) -> None:
        if not self.held:
            self.kept[site] = made()
            return
        kept = self.kept.get(site)
        if kept is None:
            return
        back = kept.held(own, *rest)
        if back is own:
            return
        apart = back != own
        count = int(apart.sum())
        if count:
            with np.errstate(all="ignore"):
                self.moved[site] = count, float(np.abs(back - own)[apart].max())
            framework.write(x, back)

    def _made_of(self, framework: Framework, call: Any, turned: int) -> None:
        """Keep the floating tensors that a decision was made of; where it was ``turned``, how far off they are now."""
        if not self._exact or (self.held and not turned):
            return
        x = self._before[call.site][0] if call.site in self._before else None
        given = [t for n, t in call.arguments.items() if n != "x" or x is None]
        arrays = [framework.to_numpy(tensor) for tensor in vocabulary.tensors_in(given, framework.tensor_type)]
        now = tuple(a for a in ([] if x is None else [x]) + arrays if a.dtype.kind == "f")
        if not self.held:
            self.operands[call.site] = tuple(np.array(a) for a in now)
        else:
            self.moved[call.site] = turned, _farthest(self.operands.get(call.site, ()), now)

    def _grid(self, framework: Framework, call: Any) -> None:
        """The places of a sampling: between which neighbours they lie is decided by them alone."""
        grid = call.arguments.get("grid")
        if isinstance(grid, framework.tensor_type):
            own = framework.to_numpy(grid)
            kept = self.kept.setdefault(f"{call.site}{GRID}", own.copy())
            if self.held and kept.shape == own.shape and (kept != own).any():
                framework.write(grid, kept)

    def _wrapped(self, framework: Framework, call: Any, result: Any) -> None:
        if call.site not in self._before or not isinstance(result, framework.tensor_type):
            return
        x, divisor = self._before[call.site]
        divisor = 1.0 if divisor is None else divisor
        left = framework.to_numpy(result)
        with np.errstate(all="ignore"):
            whole = np.rint((x - left) / divisor)
        kept = self.kept.setdefault(call.site, whole)
        self._made_of(framework, call, _apart(kept, whole))
        del self._before[call.site]
        if self.held and kept.shape == whole.shape and (kept != whole).any():
            framework.write(
                result, np.asarray(np.where(kept == whole, left, left + (whole - kept) * divisor), left.dtype)
            )

    def _result(self, framework: Framework, call: Any, place: int, tensor: Any, stepped: bool) -> Any:
        own, site = framework.to_numpy(tensor), f"{call.site}:{place}"
        if not self.held and own.dtype.kind == "f":
            self.largest = max(self.largest, _largest(own))
        if own.dtype.kind not in "iub" and not (stepped and own.dtype.kind == "f"):
            return tensor
        if not self.held:
            self.kept[site] = own.copy()
            self._made_of(framework, call, 0)
            return tensor
        kept = self.kept.get(site)
        if kept is None or kept.dtype.kind != own.dtype.kind:
            return tensor
        kept = kept.astype(own.dtype, copy=False)
        self._made_of(framework, call, _apart(kept, own))
        if kept.shape != own.shape:
            return framework.like(kept, tensor)
        if not np.array_equal(kept, own):
            framework.write(tensor, kept)
        return tensor


def _largest(x: Array) -> float:
    """The largest magnitude of what is finite and masks nothing."""
    if x.size:
        low, high = float(x.min()), float(x.max())
        if low > HIDDEN and np.isfinite(low) and np.isfinite(high):
            return max(-low, high)
    counted = np.isfinite(x) & (x > HIDDEN)
    return float(np.abs(x, where=counted, out=np.zeros_like(x)).max(initial=0.0))


def _apart(a: Array, b: Array) -> int:
    """How many elements differ; one where the shapes do."""
    return int((a != b).sum()) if a.shape == b.shape else 1


def _farthest(before: Sequence[Array], now: Sequence[Array]) -> float:
    """How far tensors are from what they were; infinity where there are none, or others."""
    if not before or [a.shape for a in before] != [a.shape for a in now]:
        return np.inf
    farthest = 0.0
    for a, b in zip(map(unmasked, before), map(unmasked, now), strict=True):
        with np.errstate(all="ignore"):
            way = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        farthest = max(farthest, float(np.where(np.isnan(way), np.inf, way).max(initial=0.0)))
    return farthest


def _by_shape(kept: Mapping[str, Any]) -> dict[Any, list[str]]:
    """The sites by what kind of decision was made there on how many elements, in order."""
    found: dict[Any, list[str]] = {}
    for site, one in kept.items():
        found.setdefault((type(one), one.size), []).append(site)
    return found


def _other(framework: Framework, call: Any) -> Any:
    """The second operand, as an array or a number; None where there is none."""
    for name in ("other", "x1", "axis"):
        value = call.arguments.get(name)
        if isinstance(value, framework.tensor_type):
            found = framework.to_numpy(value)
            return found if found.dtype.kind == "f" else None
        if name != "axis" and isinstance(value, float | int) and not isinstance(value, bool):
            return value
    return None


def _sides(x: Array, number: float) -> Array:
    near = CLOSE * abs(float(np.spacing(np.asarray(number, x.dtype)))) if number else 0.0
    above, below = (np.asarray(side).view(np.int8) for side in (x > number + near, x < number - near))
    return np.asarray(above - below)


def _just(number: float, dtype: Any) -> tuple[Array, Array]:
    """The nearest numbers below and above one, not at it. Beside 0 that is no subnormal: some kernels flush it."""
    step = 2 * CLOSE * float(np.spacing(np.asarray(number, dtype))) if number else float(np.finfo(dtype).tiny)
    return np.asarray(number - abs(step), dtype), np.asarray(number + abs(step), dtype)


def _sign(x: Array, other: Array) -> Array:
    return (x > other).astype(np.int8) - (x < other).astype(np.int8)
