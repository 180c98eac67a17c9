"""What was told of a run's steps: the settings that each parameter was moved by, and the gradients that moved it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.backend import State
from nlblocks.parity.optimising.in_the_loop import done_in_the_loop
from nlblocks.parity.optimising.rules import replayed
from nlblocks.parity.optimising.settings import PECULIAR, Clip, Settings, shown

Pairs = Iterable[tuple[str, str]]
"""Parameters that are partners: the left's name, the right's."""
LABELS = {
    "lr": "learning rate", "decoupled": "decay of the weights themselves", "l1": "L1 decay of the gradient",
    "l2": "L2 decay of the gradient beside that of the weights", "alpha": "rho (alpha)",
    "accumulator": "initial accumulator", "clip": "gradient clipping", "eps_in": "where eps is added",
    "lr_kept": "learning rate kept in the momentum", "factors": "factors of the step size (etas)",
    "range": "range of the step size",
}  # fmt: skip
"""What settings are called; others by their own name."""
NAMED = 2
"""Parameters that are called by name; of more, how many there are is said."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs: (the left's value, the right's) by step, from 1 on, and parameter of the left's.

    ``parameters`` are all that were compared, ``steps`` how many.
    """

    name: str
    places: Mapping[tuple[int, str], tuple[Any, Any]]
    parameters: int
    steps: int

    @property
    def chosen(self) -> bool:
        """Whether an argument decides it, not the framework alone."""
        return self.name not in PECULIAR

    @property
    def first(self) -> int:
        """The first step in which it differs."""
        return min(step for step, _ in self.places)

    @property
    def scheduled(self) -> bool:
        """Whether what differs is how the value goes from step to step, rather than the value."""
        ratios: dict[str, set[str]] = {}
        for (_, name), (a, b) in self.places.items():
            ratios.setdefault(name, set()).add(f"{a / b:.6g}" if isinstance(a, float) and b else str((a, b)))
        whole = all(sum(n == name for _, n in self.places) == self.steps for name in ratios)
        return not whole or any(len(found) > 1 for found in ratios.values())

    @property
    def words(self) -> str:
        """``learning rate of 2.weight and 2.bias in step 2: 0.1 on the left, 0.01 on the right``."""
        first = self.first
        groups: dict[tuple[str, str], list[str]] = {}
        for (step, name), values in self.places.items():
            if step == first:
                groups.setdefault(_both(*values), []).append(name)
        place = f" in step {first}" if self.scheduled and self.steps > 1 else ""
        label = LABELS.get(self.name, self.name.replace("_", " "))
        return "; ".join(
            f"{label}{self._of(names)}{place}: {a} on the left, {b} on the right" for (a, b), names in groups.items()
        )

    def _of(self, names: Sequence[str]) -> str:
        if len(names) == self.parameters:
            return ""
        return f" of {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])} and {more} more" if more > 0 else " and ".join(names)


def _both(a: Any, b: Any) -> tuple[str, str]:
    """Two values as they are said, in as many words as tell them apart."""
    if isinstance(a, Clip) and isinstance(b, Clip) and str(a) == str(b):
        return a.exact, b.exact
    if isinstance(a, float) and isinstance(b, float) and shown(a) == shown(b):
        return f"{a:.9g}", f"{b:.9g}"
    return shown(a), shown(b)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The settings of each step by parameter, None where they are unknown, and the gradients that they begin with.

    ``gradients`` are empty where they were not kept. ``left_out`` are the parameters that had gradients, and that no
    step moved. ``whole`` tells that nothing can have been done around the optimiser's own step: what did not show was
    not there.
    """

    settings: Sequence[Mapping[str, Settings | None]] = ()
    gradients: Sequence[State] = ()
    left_out: frozenset[str] = frozenset()
    whole: bool = False

    @classmethod
    def of(
        cls, settings: Sequence[Mapping[str, Settings | None]], made: Sequence[State], given: Sequence[State],
        weights: Sequence[State], *, left_out: frozenset[str], whole: bool,
    ) -> Told:  # fmt: skip
        """What was told, and what the loop did to the gradients that backward ``made`` before they were ``given``.

        ``weights`` are those before each step.
        """
        clip, decay = done_in_the_loop(made, given, weights)
        known = all(s is not None and s.clip is None for step in settings for s in step.values())
        if not known or (clip is None and not decay):
            return cls(settings=settings, gradients=given, left_out=left_out, whole=whole)
        changed = [
            {name: None if s is None else replace(s, clip=clip, **decay.get(name, {})) for name, s in step.items()}
            for step in settings
        ]
        return cls(settings=changed, gradients=made, left_out=left_out, whole=whole)

    @property
    def alike(self) -> Settings | None:
        """The settings of the first step where all parameters have the same; None elsewhere."""
        found = set(self.settings[0].values()) if self.settings else set()
        return found.pop() if len(found) == 1 else None

    @property
    def words(self) -> str:
        """The settings of the first step, one after another where there are several; "" where they are unknown."""
        found = list(dict.fromkeys(self.settings[0].values())) if self.settings else []
        more = f"; {len(found) - NAMED} more" if len(found) > NAMED else ""
        return "; ".join(map(str, found[:NAMED])) + more if found and None not in found else ""

    @property
    def known(self) -> bool:
        """Whether the settings of every parameter are known."""
        return any(self.settings) and all(s is not None for step in self.settings for s in step.values())

    def idle(self, other: Told, pairs: Pairs, step: int) -> str:
        """Why a step, from 1 on, moves nothing on one side, or not some parameters; "" where that is not known."""
        mine, theirs = (dict(told.settings[step - 1]) if told.settings[step - 1 :] else {} for told in (self, other))
        if bool(mine) != bool(theirs):
            return f"the {'right' if mine else 'left'}'s optimiser takes no step there"
        both = list(pairs)
        for side, own, others in (("left", self, theirs), ("right", other, mine)):
            place = 0 if side == "left" else 1
            names = [pair[0] for pair in both if pair[place] in own.left_out and pair[1 - place] in others]
            if names:
                return f"the {side}'s optimiser is not given {_listed(names)}"
        return ""

    def renamed(self, pairs: Pairs) -> Told:
        """The right's settings under the left's names; what has no partner is left out."""
        both = list(pairs)
        settings = [{left: step[right] for left, right in both if right in step} for step in self.settings]
        return replace(self, settings=settings)

    def differing(self, other: Told, pairs: Pairs) -> list[Difference]:
        """The settings that differ from another's, of parameters that both moved in a step."""
        found: dict[str, dict[tuple[int, str], tuple[Any, Any]]] = {}
        seen = set()
        both = list(pairs)
        count = min(len(self.settings), len(other.settings))
        for step, (mine, theirs) in enumerate(zip(self.settings, other.settings, strict=False), 1):
            for left, right in both:
                a, b = mine.get(left), theirs.get(right)
                if a is not None and b is not None:
                    seen.add(left)
                    for name, values in a.differing(b).items():
                        found.setdefault(name, {})[step, left] = values
        return [Difference(name, places, len(seen), count) for name, places in found.items()]

    def trained(
        self, names: Collection[str], other: Told, pairs: Pairs, start: State, gradients: Sequence[State]
    ) -> list[State] | None:
        """The weights after each step with some settings of another's, where the gradients are these.

        ``start`` and ``gradients`` are under this side's own names. None where a setting is not known.
        """
        partner = dict(pairs)
        told: list[dict[str, Settings]] = []
        for mine, theirs in zip(self.settings, other.settings, strict=False):
            own: dict[str, Settings] = {}
            for name, settings in mine.items():
                changed = theirs.get(partner.get(name, ""))
                if settings is None or (changed is None and names):
                    return None
                own[name] = settings if changed is None else settings.changed(names, changed)
            told.append(own)
        return replayed(start, told, gradients[: len(told)])
