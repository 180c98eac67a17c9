"""Steps of training: both models with their optimisers, and why the weights part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.backend import State
from nlblocks.errors import InputError
from nlblocks.parity.judge import Judge
from nlblocks.parity.optimisers import Maker, Settings, checked, differing, explain, settings_of, words

Train = Callable[[Maker], list[State]]
"""The states after each step with another optimiser."""


@dataclass(slots=True, kw_only=True)
class History:
    """What training left behind: the state after each step. ``train`` is None where it cannot be done again."""

    framework: str
    states: list[State]
    optimiser: str
    settings: Settings | None
    train: Train | None = None


def history(framework: str, side: str, maker: Maker, train: Train) -> History:
    """Train one side. Raises InputError where its optimiser cannot be made or training raises."""
    kept: dict[str, Any] = {}
    try:
        states = train(checked(maker, side, kept))
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise InputError(f"training the {side} model raises {type(error).__name__}: {text}") from None
    made = kept[side]
    settings = settings_of(framework, made)
    return History(
        framework=framework,
        states=states,
        optimiser=f"{type(made).__name__} ({settings})" if settings else type(made).__name__,
        settings=settings,
        train=train,
    )


def judge_training(judge: Judge, left: History, right: History, before: State) -> None:
    """Compare the states step by step; where they part, try each setting that differs on the side that has it."""
    report = judge.report
    report.optimisers = left.optimiser, right.optimiser
    apart = differing(left.settings, right.settings)
    found = judge.steps(left.states, right.states, before, words(apart))
    if found is None or not apart:
        return

    def trial(side: str, maker: Maker) -> float:
        """How far apart the weights are when one side trains with another optimiser."""
        assert left.train is not None
        assert right.train is not None
        if side == "left":
            return judge.trained_apart(left.train(maker), right.states, before)
        return judge.trained_apart(left.states, right.train(maker), before)

    error = max(error for _, error, _ in report.steps)
    frameworks, settings = (left.framework, right.framework), (left.settings, right.settings)
    said = explain(frameworks, settings, error, trial if left.train and right.train else None)
    report.findings[-1] = replace(report.findings[-1], explanation=f"{found.explanation.partition(';')[0]}; {said}")
