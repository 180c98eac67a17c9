"""Optimisers of both frameworks in one vocabulary: made by name, and how a comparison trains with them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlblocks.backend import rows
from nlblocks.errors import InputError, known, meant, said
from nlblocks.parity.optimising import Settings
from nlblocks.parity.running.find_tracer import tracer_of

Maker = Callable[[list[Any]], Any]
Optimiser = str | tuple[str | Maker, str | Maker]

STEPS = 3
"""Momentum shows from the second step on, what is kept between steps from the third."""


_ADAM = ("lr", "beta1", "beta2", "eps", "amsgrad", "weight_decay")
NAMED: dict[str, tuple[Settings, tuple[str, ...]]] = {
    "sgd": (Settings(rule="sgd", lr=0.01), ("lr", "weight_decay")),
    "momentum": (Settings(rule="sgd", lr=0.01, momentum=0.9), ("lr", "momentum", "nesterov", "weight_decay")),
    "adam": (Settings(rule="adam", lr=1e-3), _ADAM),
    "adamw": (Settings(rule="adam", lr=1e-3, weight_decay=0.01, decoupled=True), _ADAM),
}
"""What can be asked for by name, and the settings that can be given: those that mean the same in every framework."""


def named(text: str) -> Settings:
    """The optimiser of ``adam`` or ``adamw:lr=0.001,weight_decay=0.1``. Raises InputError for anything else."""
    name, colon, rest = text.partition(":")
    if name not in NAMED:
        raise InputError(
            f"optimiser {text!r} is unknown; give one of {known(NAMED)}, with settings as in adam:lr=0.001, "
            f"or functions from a list of parameters to an optimiser{meant(name, NAMED)}"
        )
    found, allowed = NAMED[name]
    for item in rest.split(",") if colon else ():
        key, _, value = item.partition("=")
        if key not in allowed:
            hint = meant(key, allowed)
            raise InputError(f"optimiser {text!r}: {name} has no setting {key!r}; it has {known(allowed)}{hint}")
        try:
            number = float({"true": "1", "false": "0"}.get(value.lower(), value))
        except ValueError:
            number = -1.0
        if not 0 <= number < np.inf:
            raise InputError(f"optimiser {text!r}: {key}={value} must be a number of at least 0")
        flag = isinstance(getattr(found, key), bool)
        change: dict[str, Any] = {key: bool(number) if flag else number}
        found = replace(found, **change)
    return found


def _makers(optimiser: Any, frameworks: tuple[str, str]) -> tuple[Maker, Maker]:
    """The functions that make each side's optimiser. Raises InputError where ``optimiser`` describes none."""
    pair = (optimiser, optimiser) if isinstance(optimiser, str) else optimiser
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(p, str) or callable(p) for p in pair):
        raise InputError(
            f"optimiser={said(optimiser)} must be a name such as 'adam', or two functions (for the left, for the "
            "right) from a list of parameters to an optimiser"
        )
    left, right = (
        native(framework, named(one)) if isinstance(one, str) else one
        for framework, one in zip(frameworks, pair, strict=True)
    )
    return left, right


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """One side's steps of training: how its optimiser is made, and whether the user ``asked`` for them."""

    maker: Maker
    steps: int
    asked: bool

    @classmethod
    def of(
        cls, left: Any, right: Any, optimiser: Optimiser | None, steps: int | None
    ) -> tuple[TrainingPlan, TrainingPlan] | tuple[None, None]:
        """The plans of two models, None where no training is wanted. Raises InputError for what describes none."""
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 0):
            raise InputError(f"steps={said(steps)} must be a whole number of at least 0")
        tracers = tracer_of(left), tracer_of(right)
        count = steps if steps is not None else 1 if optimiser is None else STEPS
        asked = bool(steps) or optimiser is not None
        untrained = next((tracer.untrained for tracer in tracers if tracer.untrained), "")
        if untrained and asked:
            raise InputError(f"steps of training are asked for, and {untrained}; leave optimiser and steps out")
        makers = () if untrained else _makers(optimiser or "sgd", (tracers[0].name, tracers[1].name))
        if not count or untrained:
            return None, None
        a, b = (cls(maker=maker, steps=count, asked=asked) for maker in makers)
        return a, b


class Refused(Exception):
    """What was to make an optimiser makes none."""


def checked(maker: Maker) -> Maker:
    """The maker with its failures said in one line, as :class:`Refused`."""

    def make(parameters: list[Any]) -> Any:
        try:
            made = maker(parameters)
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise Refused(f"the optimiser raises {text}; it is called with a list of parameters") from None
        if not callable(getattr(made, "step", None)):
            raise Refused(
                f"the optimiser is a {type(made).__name__}, which has no step(); "
                "give a function from a list of parameters to an optimiser"
            )
        return made

    return make


def native(framework: str, settings: Settings) -> Maker:
    """The maker of a framework's own optimiser of these settings."""
    return lambda parameters: lab_of(framework).make(settings, parameters)


def lab_of(framework: str) -> Any:
    """What a framework says of its optimisers: the module ``lab.optimisers`` of its backend."""
    return importlib.import_module(f"{rows()[framework].module}.lab.optimisers")
