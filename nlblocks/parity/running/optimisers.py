"""Optimisers of both frameworks in one vocabulary: made by name, read back, and tried as the cause of a difference."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from nlblocks.backend import rows
from nlblocks.errors import InputError, known
from nlblocks.parity.running.find_tracer import tracer_of

Maker = Callable[[list[Any]], Any]
Optimiser = str | tuple[str | Maker, str | Maker]
Trial = Callable[[str, Maker], float]
"""Trains the side "left" or "right" with another optimiser and says how far apart the weights are then."""

STEPS = 3
"""Momentum shows from the second step on, what is kept between steps from the third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an optimiser does. Momentum is a heavy ball; ``decoupled`` decay acts on the weights, not the gradients."""

    rule: Literal["sgd", "adam", "rmsprop"]
    lr: float
    weight_decay: float = 0.0
    decoupled: bool = False
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    amsgrad: bool = False
    alpha: float = 0.99
    centered: bool = False
    clip: str = "none"

    def __str__(self) -> str:
        plain = Settings(rule=self.rule, lr=self.lr)
        shown = [f for f in fields(self) if f.name != "rule" and getattr(self, f.name) != getattr(plain, f.name)]
        return ", ".join([f"{self.rule} lr={self.lr:g}", *[f"{f.name}={_text(getattr(self, f.name))}" for f in shown]])


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
            "or functions from a list of parameters to an optimiser"
        )
    found, allowed = NAMED[name]
    for item in rest.split(",") if colon else ():
        key, _, value = item.partition("=")
        if key not in allowed:
            raise InputError(f"optimiser {text!r}: {name} has no setting {key!r}; it has {known(allowed)}")
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


def makers(optimiser: Any, frameworks: tuple[str, str]) -> tuple[Maker, Maker]:
    """The functions that make each side's optimiser. Raises InputError where ``optimiser`` describes none."""
    pair = (optimiser, optimiser) if isinstance(optimiser, str) else optimiser
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(p, str) or callable(p) for p in pair):
        raise InputError(
            f"optimiser={optimiser!r} must be a name such as 'adam', or two functions (for the left, for the right) "
            "from a list of parameters to an optimiser"
        )
    left, right = (
        _native(framework, named(one)) if isinstance(one, str) else one
        for framework, one in zip(frameworks, pair, strict=True)
    )
    return left, right


def checked(maker: Maker, side: str, keep: dict[str, Any]) -> Maker:
    """The maker with its failures said in one line; what it makes is kept under the side's name."""

    def make(parameters: list[Any]) -> Any:
        try:
            made = maker(parameters)
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise InputError(
                f"the optimiser of the {side} model raises {text}; it is called with a list of parameters"
            ) from None
        if not callable(getattr(made, "step", None)):
            raise InputError(
                f"the optimiser of the {side} model is a {type(made).__name__}, which has no step(); "
                "give a function from a list of parameters to an optimiser"
            )
        keep[side] = made
        return made

    return make


def settings_of(framework: str, made: Any) -> Settings | None:
    """What an optimiser of a framework does; None where it is none of the known ones, or has several groups."""
    found: Settings | None = _module(framework).settings(made)
    return found


def differing(left: Settings | None, right: Settings | None) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, constants that Paddle rounds to float32 aside."""
    if left is None or right is None:
        return {}
    found = {f.name: (getattr(left, f.name), getattr(right, f.name)) for f in fields(Settings)}
    if not left.weight_decay and not right.weight_decay:
        del found["decoupled"]
    return {name: values for name, values in found.items() if not _same(*values)}


def explain(
    frameworks: tuple[str, str], settings: tuple[Settings | None, Settings | None], error: float, trial: Trial | None
) -> str:
    """Which setting makes the trained weights meet: each that differs is tried alone, then all of them together."""
    apart = differing(*settings)
    if trial is None:
        return words(apart)
    both = dict(zip(("left", "right"), zip(frameworks, settings, strict=True), strict=True))
    for names in ([[name] for name in apart] if len(apart) > 1 else []) + [list(apart)]:
        for side, (framework, own) in both.items():
            other = settings[0] if side == "right" else settings[1]
            assert own is not None
            changed = replace(own, **{name: getattr(other, name) for name in names})
            if not _module(framework).offers(changed):
                continue
            rest = trial(side, _native(framework, changed))
            if rest <= 1e-2 * error:
                text = words({name: apart[name] for name in names})
                return f"{text}; so the difference falls from {error:.0e} to {rest:.0e}"
    return words(apart)


def words(apart: Mapping[str, tuple[Any, Any]]) -> str:
    """``lr: 0.1 on the left, 0.01 on the right``, one after another."""
    return "; ".join(
        f"{'decay of the weights themselves' if name == 'decoupled' else name.replace('_', ' ')}: "
        f"{_text(a)} on the left, {_text(b)} on the right"
        for name, (a, b) in apart.items()
    )


def _native(framework: str, settings: Settings) -> Maker:
    return lambda parameters: _module(framework).make(settings, parameters)


def _module(framework: str) -> Any:
    return importlib.import_module(f"{rows()[framework].module}.lab.optimisers")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= 2.0**-23 * max(abs(a), abs(b))
    return bool(a == b)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return re.sub(r"\.0$", "", f"{value:g}") if isinstance(value, float) else str(value)


def training_rules(
    left: Any, right: Any, optimiser: Optimiser | None, steps: int | None
) -> tuple[Maker, Maker, int] | None:
    """The functions that make the optimisers and the number of steps; None where no training is wanted."""
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 0):
        raise InputError(f"steps={steps!r} must be a whole number of at least 0")
    left_rule, right_rule = makers(optimiser or "sgd", (tracer_of(left).name, tracer_of(right).name))
    count = steps if steps is not None else 1 if optimiser is None else STEPS
    return (left_rule, right_rule, count) if count else None
