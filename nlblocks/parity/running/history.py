"""What steps of training leave behind: the state after each of them, and the settings that led there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from nlblocks.backend import State
from nlblocks.numerics.tolerance import FLOAT32_EQUAL
from nlblocks.parity.running.optimisers import (
    Maker,
    Refused,
    Settings,
    checked,
    native,
    offers,
    settings_of,
    shown,
)

Train = Callable[[Maker, list[State]], None]
"""Trains with an optimiser, and adds the state after each step to a list: as far as it comes, where it raises."""
Apart = Mapping[str, tuple[Any, Any]]
"""Settings that differ: name to (the left's, the right's)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What training left behind: the state after each step, up to an ``error``.

    ``train`` is None where it cannot be done again.
    """

    framework: str
    states: list[State]
    optimiser: str
    settings: Settings | None
    error: str = ""
    train: Train | None = None

    def differing(self, other: History) -> Apart:
        """The settings that differ from another's."""
        left, right = self.settings, other.settings
        if left is None or right is None:
            return {}
        found = {f.name: (getattr(left, f.name), getattr(right, f.name)) for f in fields(Settings)}
        if not left.weight_decay and not right.weight_decay:
            del found["decoupled"]
        return {name: values for name, values in found.items() if not _same(*values)}

    def retrained(self, names: Sequence[str], other: History) -> list[State] | None:
        """The states with some settings of another history's; None where the framework cannot train with them."""
        if self.train is None or self.settings is None:
            return None
        changed = replace(self.settings, **{name: getattr(other.settings, name) for name in names})
        if not offers(self.framework, changed):
            return None
        states: list[State] = []
        try:
            self.train(native(self.framework, changed), states)
        except Exception:  # whatever a framework raises for settings that nobody gave
            return None
        return states

    @staticmethod
    def words(apart: Apart) -> str:
        """``lr: 0.1 on the left, 0.01 on the right``, one after another."""
        return "; ".join(
            f"{'decay of the weights themselves' if name == 'decoupled' else name.replace('_', ' ')}: "
            f"{shown(a)} on the left, {shown(b)} on the right"
            for name, (a, b) in apart.items()
        )


def trained(framework: str, maker: Maker, train: Train) -> History:
    """Train one side, as far as it comes."""
    kept: list[Any] = []
    states: list[State] = []
    error = ""
    try:
        train(checked(maker, kept), states)
    except Refused as raised:
        error = str(raised)
    except Exception as raised:
        error = f"training raises {type(raised).__name__}: {' '.join(str(raised).split())[:300]}"
    settings = settings_of(framework, kept[0]) if kept else None
    name = type(kept[0]).__name__ if kept else ""
    return History(
        framework=framework, states=states, optimiser=f"{name} ({settings})" if settings else name, settings=settings,
        error=error, train=train,
    )  # fmt: skip


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= FLOAT32_EQUAL * max(abs(a), abs(b))
    return bool(a == b)
