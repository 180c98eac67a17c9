"""What steps of training leave behind: the state after each of them, and the settings that led there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from nlblocks.backend import State
from nlblocks.errors import InputError
from nlblocks.numerics.tolerance import FLOAT32_EQUAL
from nlblocks.parity.running.optimisers import Maker, Settings, checked, native, offers, settings_of, shown

Train = Callable[[Maker], list[State]]
"""The states after each step with another optimiser."""
Apart = Mapping[str, tuple[Any, Any]]
"""Settings that differ: name to (the left's, the right's)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What training left behind: the state after each step. ``train`` is None where it cannot be done again."""

    framework: str
    states: list[State]
    optimiser: str
    settings: Settings | None
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
        """The states with some settings of another history's; None where the framework has no such optimiser."""
        if self.train is None or self.settings is None:
            return None
        changed = replace(self.settings, **{name: getattr(other.settings, name) for name in names})
        return self.train(native(self.framework, changed)) if offers(self.framework, changed) else None

    @staticmethod
    def words(apart: Apart) -> str:
        """``lr: 0.1 on the left, 0.01 on the right``, one after another."""
        return "; ".join(
            f"{'decay of the weights themselves' if name == 'decoupled' else name.replace('_', ' ')}: "
            f"{shown(a)} on the left, {shown(b)} on the right"
            for name, (a, b) in apart.items()
        )


def trained(framework: str, side: str, maker: Maker, train: Train) -> History:
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


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= FLOAT32_EQUAL * max(abs(a), abs(b))
    return bool(a == b)
