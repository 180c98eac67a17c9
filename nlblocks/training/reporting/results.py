"""Results: what the runs of a study came to, over its seeds, read from the folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from nlblocks.backend import rows
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.training.recipes import Recipe
from nlblocks.training.runs import Epoch, RunFolder, StudyFolder

Value = Callable[[Epoch], float]
LOCKSTEP = "lockstep*.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """Values of several seeds: their median, the least and the greatest of them, and all of them by seed."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class Result:
    """One run, and what each of its epochs so far came to."""

    run: RunFolder
    epochs: tuple[Epoch, ...]

    @property
    def seed(self) -> int:
        return self.run.recipe.seed

    @property
    def name(self) -> str:
        return f"{self.run.variant} in {self.run.backend}, seed {self.seed}"

    @property
    def done(self) -> bool:
        return len(self.epochs) == self.run.recipe.epochs


@dataclass(frozen=True, slots=True)
class Results:
    """A study as it stands in its folder.

    ``runs`` are in the recipe's order of variants, then by backend and seed; ``lockstep`` are the reports of lockstep
    as data.
    """

    path: Path
    recipe: Recipe
    runs: tuple[Result, ...]
    lockstep: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, path: Path) -> Results:
        """What the folder of a study holds. Raises InputError where no epoch of any run is done."""
        study = StudyFolder(path)
        runs = tuple(Result(run, run.epochs()) for run in study.runs())
        if not any(result.epochs for result in runs):
            raise InputError(f"{path}: no epoch of any run is done yet; train first")
        return cls(path, study.recipe, runs, tuple(_lockstep(path, study.recipe)))

    @property
    def backends(self) -> list[str]:
        """The backends that there are runs in, in the order of the registry."""
        found, order = {result.run.backend for result in self.runs}, list(rows())
        return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))

    @property
    def variants(self) -> list[str]:
        """The variants that there are runs of, in the recipe's order."""
        return list(dict.fromkeys(result.run.variant for result in self.runs))

    @property
    def baseline(self) -> str:
        """The recipe's first variant, which the others are held against."""
        return self.recipe.variants[0].name

    @property
    def seeds(self) -> list[int]:
        return sorted({result.seed for result in self.runs})

    def of(self, variant: str, backend: str) -> list[Result]:
        """The runs of a variant in a backend, by seed."""
        return [found for found in self.runs if (found.run.variant, found.run.backend) == (variant, backend)]

    def last(self, variant: str, backend: str, value: Value) -> dict[int, float]:
        """A value at the end of each run that is done, by seed."""
        return {found.seed: value(found.epochs[-1]) for found in self.of(variant, backend) if found.done}

    def forward(self, variant: str, backend: str) -> dict[int, float]:
        """The milliseconds of a batch in each run that is done, by seed."""
        asked = ((one.seed, one.run.answers()) for one in self.of(variant, backend))
        return {seed: found.forward_ms for seed, found in asked if found is not None}

    def curve(self, variant: str, backend: str, value: Value) -> list[Spread]:
        """A value over the seeds, epoch by epoch, as far as all of the runs have come."""
        epochs = [result.epochs for result in self.of(variant, backend) if result.epochs]
        return [Spread(tuple(map(value, found))) for found in zip(*epochs, strict=False)]

    def gains(self, variant: str, backend: str, value: Value) -> dict[int, float]:
        """How far a variant ends above the baseline of the same seed, by seed."""
        own, base = self.last(variant, backend, value), self.last(self.baseline, backend, value)
        return {seed: own[seed] - base[seed] for seed in own.keys() & base}

    def conclusion(self, variant: str, backend: str, value: Value) -> str:
        """What the seeds together say of a variant against the baseline: "above" or "below" if all do, else "mixed"."""
        found = list(self.gains(variant, backend, value).values())
        if found and all(gain > 0 for gain in found):
            return "above"
        return "below" if found and all(gain < 0 for gain in found) else "mixed"

    def apart(self, variant: str, value: Value) -> tuple[list[float], list[float]]:
        """How far the ends of runs lie apart: two backends on one seed, and two seeds in one backend."""
        ends = {backend: self.last(variant, backend, value) for backend in self.backends}
        across = [abs(a[seed] - b[seed]) for a, b in combinations(ends.values(), 2) for seed in sorted(a.keys() & b)]
        within = [abs(a - b) for found in ends.values() for a, b in combinations(found.values(), 2)]
        return across, within

    def model(self, variant: str) -> BlockSpec:
        return self.recipe.variant(variant).model


def _lockstep(folder: Path, recipe: Recipe) -> Iterator[Mapping[str, Any]]:
    """The reports of lockstep on each variant, in their folders beside its runs."""
    for variant in recipe.variants:
        for path in sorted((folder / variant.name).glob(LOCKSTEP), reverse=True):  # float64, which judges, first
            try:
                yield json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise InputError(f"{path}: is not a report of lockstep: {error}") from None


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of some values; None of none."""
    found = tuple(values)
    return Spread(found) if found else None


def duration(seconds: float) -> str:
    """A time in words."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
