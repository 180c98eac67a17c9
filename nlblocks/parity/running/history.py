"""What steps of training leave behind: the state after each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nlblocks.backend import State
from nlblocks.errors import InputError
from nlblocks.parity.running.optimisers import Maker, Settings, checked, settings_of

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
