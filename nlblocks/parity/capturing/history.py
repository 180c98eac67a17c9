"""Steps of training in a capture's file: the states, the optimiser's settings and the gradients that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlblocks.backend import Array, State
from nlblocks.parity.optimising import Settings, Told
from nlblocks.parity.running import History


def written(history: History) -> tuple[list[Any], dict[str, Array]]:
    """What JSON holds of steps of training, and their tensors."""
    told, alike = history.told, history.told.alike
    tensors = {f"step/{i}/{name}": array for i, state in enumerate(history.states) for name, array in state.items()}
    for i, gradients in enumerate(told.gradients):
        tensors |= {f"step_gradient/{i}/{name}": array for name, array in gradients.items()}
    every = list(dict.fromkeys(settings for step in told.settings for settings in step.values()))
    number = {settings: i for i, settings in enumerate(every)}
    known = {
        "every": [None if settings is None else settings.to_dict() for settings in every],
        "steps": [{name: number[settings] for name, settings in step.items()} for step in told.settings],
        "left_out": sorted(told.left_out),
        "whole": told.whole,
    }
    first = None if alike is None else alike.to_dict()
    return [history.optimiser, first, len(history.states), history.error, known], tensors


def read(meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> History | None:
    """The steps of training that a file holds. Before settings were told by parameter, all had the same."""
    if meta["history"] is None:
        return None
    optimiser, first, count, *more = meta["history"]
    states, gradients = _steps("step", count, tensors), _steps("step_gradient", count, tensors)
    if len(more) > 1:
        every = [None if found is None else Settings.from_dict(found) for found in more[1]["every"]]
        settings = [{name: every[number] for name, number in step.items()} for step in more[1]["steps"]]
        left_out, whole = frozenset(more[1]["left_out"]), bool(more[1]["whole"])
    else:
        alike = None if first is None else Settings.from_dict(first)
        settings, left_out, whole = [dict.fromkeys(state, alike) for state in states], frozenset(), True
    told = Told(settings=settings, gradients=gradients if any(gradients) else (), left_out=left_out, whole=whole)
    return History(
        framework=meta["framework"], states=states, optimiser=optimiser, told=told, error=more[0] if more else ""
    )


def _steps(folder: str, count: int, tensors: Mapping[str, Array]) -> list[State]:
    found: list[State] = [{} for _ in range(count)]
    for key, array in tensors.items():
        if key.startswith(f"{folder}/"):
            _, step, name = key.split("/", 2)
            found[int(step)][name] = array
    return found
