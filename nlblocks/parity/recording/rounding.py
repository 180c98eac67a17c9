"""What a framework's kernels hold as float32 even in a float64 model: declared by it, and lived with by the others.

A model that is compared with one of such a framework is run with the same rounded numbers, so that rounding them is no
difference. What cannot be rounded alike is run once more with it moved by as much: a noise floor of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from nlblocks.backend import rows

Round = Callable[[float], float]
Formula = Callable[[Mapping[str, Callable[..., Any]], Any, Mapping[str, Any], Round], Any]
"""(functions of the framework, x, the call's attributes, how a constant is rounded) → the result."""

CONSTANT_OFF = 2.0**-22
"""What a constant is moved by, in units of itself: a float32 unit in the last place, or two."""
FACTOR_OFF = 2.0**-23
"""What a product with a constant is moved by: the constant's unit in the last place."""
RATIO_OFF = 2.0**-24
"""What a place is moved by, in units of the extent: half a unit in the last place of the ratio of extents."""
COMPLEMENT_OFF = 2.0**-24 * 10 / 8
"""What a running statistic may be off by, in units of its way in one step, where the weight of the old one is held as
float32: by 2^-24, seen against a tenth of the way. Counted as rounding up to four times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """What a framework's kernels hold as float32, by the vocabulary's kinds.

    ``constants`` are arguments; ``backward`` those that only the backward pass rounds; ``complements`` those x of which
    1 - x is held. ``formulas`` are kinds written with constants of their own. ``counts`` are average poolings whose
    backward pass divides by a count; ``ratios`` kinds that read between places, by a ratio of extents; ``factors``
    kinds whose result is a product with such constants where this argument is given.
    """

    constants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backward: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    complements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    formulas: Mapping[str, Formula] = field(default_factory=dict)
    counts: frozenset[str] = frozenset()
    ratios: frozenset[str] = frozenset()
    factors: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))

    def beyond(self, own: Rounding) -> Rounding:
        """What is held here and not in ``own``, kind by kind: what a framework that holds ``own`` must be given."""
        return self._with(own, lambda mine, theirs: _without(mine, theirs))

    def __or__(self, other: Rounding) -> Rounding:
        return self._with(other, lambda mine, theirs: theirs | mine)

    def _with(self, other: Rounding, merge: Callable[[Any, Any], Any]) -> Rounding:
        return Rounding(**{f.name: merge(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)})

    @classmethod
    def declared(cls) -> Rounding:
        """What any known framework holds, whether it is installed or not: for a run that another may be compared with.

        A backend declares it as ``rounding`` in its module ``lab.rounding``, which imports no framework. One without
        that module holds nothing, nor does one that cannot be imported here.
        """
        found = cls()
        for row in rows().values():
            name = f"{row.module}.lab.rounding"
            try:
                own: Rounding = importlib.import_module(name).rounding
            except ModuleNotFoundError as error:
                missing = error.name or ""
                own_part = f"{missing}.".startswith(("nlblocks.", f"{row.module}."))
                if own_part and not name.startswith(missing):
                    raise  # a declaration that is broken, not absent
                continue
            found |= own
        return found

    @property
    def statistics_off(self) -> float:
        """What a running statistic may be off by, in units of its way in one step."""
        return COMPLEMENT_OFF if self.complements else 0.0

    def formula(self, framework: Any, call: Any, *, perturbed: bool) -> Callable[[], Any] | None:
        """What computes a call in place of the framework's own function, None where that does."""
        found = self.formulas.get(call.kind) if call.signature is not None else None
        if found is None:
            return None
        return lambda: found(framework.functions, call.arguments["x"], call.attrs, _round(perturbed))

    def arguments(self, call: Any, args: Any, kwargs: Any, *, perturbed: bool) -> tuple[Any, Any]:
        """The call's arguments with its constants rounded; what the function has for a default is left to it."""
        read = call.signature
        if read is None:
            return args, kwargs
        hold = _round(perturbed)
        names = self.constants.get(call.kind, ())
        for name in (*names, *self.backward.get(call.kind, ())) if perturbed else names:
            args, kwargs = read.replace(args, kwargs, name, lambda value: _each(value, hold))
        for name in self.complements.get(call.kind, ()):
            args, kwargs = read.replace(args, kwargs, name, lambda value: _each(value, lambda v: 1.0 - hold(1.0 - v)))
        return args, kwargs

    def moved(self, framework: Any, call: Any, result: Any, *, backward: bool) -> Any:
        """The call's result, moved by what rounding of what is no argument may do to it."""
        if backward and self._counted(call):
            return result + (result - framework.constant(result)) * FACTOR_OFF
        if call.kind in self.ratios and call.attrs["mode"] != "nearest":
            moved = result
            for axis in range(2, len(result.shape)):
                moved = moved + framework.functions["steps"](result, axis) * (result.shape[axis] * RATIO_OFF)
            return moved
        factor = self.factors.get(call.kind)
        return result * (1.0 + FACTOR_OFF) if factor is not None and call.attrs.get(factor) else result

    def _counted(self, call: Any) -> bool:
        """Whether it is such a pooling, or a mean over places, which the other side may compute by one."""
        if call.kind != "mean":
            return call.kind in self.counts
        axes = call.attrs.get("axis")
        return bool(self.counts) and isinstance(axes, tuple) and min(axes) >= 2


def _round(perturbed: bool) -> Round:
    return _off if perturbed else _float32


def _float32(value: float) -> float:
    return float(np.float32(value))


def _off(value: float) -> float:
    """Off by what a constant may be that is held as float32."""
    return float(np.float32(value)) * (1.0 + CONSTANT_OFF)


def _each(value: Any, hold: Round) -> Any:
    return hold(value) if isinstance(value, float) else value


def _without(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, frozenset):
        return mine - theirs
    return {kind: value for kind, value in mine.items() if kind not in theirs}
