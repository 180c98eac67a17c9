"""What steps of training leave behind: the state after each of them, and what was told of the optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlblocks.backend import State
from nlblocks.parity.optimising import Settings, Told
from nlblocks.parity.running.optimisers import Maker, Refused, TrainingPlan, checked, lab_of

Train = Callable[[Maker, Callable[[State], None]], None]
"""Trains with an optimiser, and hands over the state after each step: as far as it comes, where it raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What training left behind: the state after each step, up to an ``error``, and what was ``told`` of the steps."""

    framework: str
    states: list[State]
    optimiser: str
    told: Told
    error: str = ""


class _Watched:
    """An optimiser, and what it is told to do: a step is the user's own, and what happens in it is written down."""

    def __init__(self, made: Any, lab: Any, named: Mapping[str, Any], *, keep: bool) -> None:
        self.made, self._lab, self._keep = made, lab, keep
        self._parameters = dict(named)
        self.settings: list[dict[str, Settings | None]] = []
        self.produced: list[State] = []
        self.given: list[State] = []
        self.moved: set[str] = set()
        self.left_out: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        clears = name in ("zero_grad", "clear_grad") and not hasattr(self.made, name)
        return self._clear if clears else getattr(self.made, name)

    def _clear(self) -> None:
        """What a training loop that is an object with a step alone leaves to others."""
        for parameter in self._parameters.values():
            self._lab.clear(parameter)

    def step(self) -> None:
        """One step of the user's."""
        names = {id(parameter): name for name, parameter in self._parameters.items()}
        settings: dict[str, Settings | None] = {}
        before = self._gradients(self._parameters)
        given: State = {}

        def told(found: list[tuple[Any, Settings | None]]) -> None:
            for parameter, own in found:
                if id(parameter) in names:
                    name = names[id(parameter)]
                    settings[name] = own
                    given.update(self._gradients({name: parameter}, before))

        with self._lab.stepping(told):
            try:
                self.made.step()
            except TypeError as error:
                if "'closure'" not in str(error):
                    raise
                raise Refused(
                    f"the optimiser is {type(self.made).__name__}, whose step asks for a closure to compute the loss "
                    "anew: no steps of it are compared"
                ) from None
        self.settings.append(settings)
        self.produced.append({name: before[name] for name in given if name in before})
        self.given.append(given)
        self.moved |= set(settings)
        self.left_out |= set(before) - set(settings) if settings else set()

    def _gradients(self, parameters: Mapping[str, Any], before: State | None = None) -> State:
        """The gradients now; what nothing was done to since ``before`` is the same array."""
        if not self._keep:
            return {}
        found = {name: self._lab.gradient(parameter) for name, parameter in parameters.items()}
        known = before or {}
        return {
            name: known[name] if name in known and np.array_equal(known[name], value) else value
            for name, value in found.items()
            if value is not None
        }


def trained(
    framework: str, plan: TrainingPlan, train: Train, start: State, named: Callable[[], Mapping[str, Any]]
) -> History:
    """Train one side, as far as it comes, from the state ``start``.

    ``named`` gives the parameters by name, within training. Gradients are kept where the user asked for training:
    what nobody chose is the same on both sides.
    """
    watched: list[_Watched] = []
    states: list[State] = []
    error = ""
    lab = lab_of(framework)

    def make(parameters: list[Any]) -> Any:
        made = checked(plan.maker)(parameters)
        watched.append(_Watched(made, lab, named(), keep=plan.asked))
        return watched[-1]

    try:
        train(make, states.append)
    except Refused as raised:
        error = str(raised)
    except Exception as raised:
        error = f"training raises {type(raised).__name__}: {' '.join(str(raised).split())[:300]}"
    told, name = Told(), ""
    if watched:
        own = watched[0]
        count = min(len(states), len(own.given))
        told = Told.of(
            own.settings[:count], own.produced[:count], own.given[:count], [start, *states][:count],
            left_out=frozenset(own.left_out - own.moved), whole=lab.own(own.made),
        )  # fmt: skip
        name = type(own.made).__name__
    words = f"{name} ({told.words})" if told.words else name
    return History(framework=framework, states=states, optimiser=words, told=told, error=error)
