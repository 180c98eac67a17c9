"""One mutant: which model, which input, what was done to which side; what is true of it, and what the lab says."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.soundness.attributes import ATTRIBUTES
from benchmarks.soundness.catalogue import FRAMEWORKS, MODELS, PAIRS
from benchmarks.soundness.edits import EDITS
from benchmarks.soundness.outcome import Compare, Outcome, judge
from benchmarks.soundness.places import Mutation, Place
from benchmarks.soundness.source import INSIDE
from benchmarks.soundness.tampering import DTYPES, TAMPERINGS, TAMPERS, Effects
from benchmarks.soundness.tensors import TENSORS
from benchmarks.soundness.truth import DIFFERS, SIDES, UNCHANGED, Seen, apart, in_paddle_names, observe
from nlblocks import parity

Array = np.ndarray[Any, Any]
MUTATIONS: dict[str, tuple[Mutation, ...]] = {}
for _mutation in (*TAMPERINGS, *INSIDE, *ATTRIBUTES, *TENSORS, *EDITS):
    MUTATIONS[_mutation.name] = (*MUTATIONS.get(_mutation.name, ()), _mutation)
ATTEMPTS = 600
"""Draws for one index before it is given up: many models have no place for a mutation, many mutants do not run."""
NOWHERE: set[tuple[str, str, str]] = set()
"""Mutations that have no place in a model of a framework, as far as that was seen: they are not looked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a mutant is made of. ``spoiled`` is the side that is mutated, 0 or 1; ``seed`` is of its weights."""

    model: str
    mutation: str
    place: str
    frameworks: tuple[str, str]
    spoiled: int
    inputs: str
    seed: int

    def __str__(self) -> str:
        side = ("left", "right")[self.spoiled]
        return (
            f"{self.model} ({self.frameworks[0]}, {self.frameworks[1]}), {self.mutation} on the {side}: {self.place}; "
            f"inputs: {self.inputs}, weights {self.seed}"
        )


def mutants(seed: int, index: int, compare: Compare = parity.compare, only: str = "") -> list[Outcome]:
    """The mutant of an index, judged, behind the first one found on the way that changes nothing, if any.

    The list holds no mutant where no attempt gave one whose truth is clear.
    """
    found: list[Outcome] = []
    dropped: Counter[str] = Counter()
    for attempt in range(ATTEMPTS):
        recipe = _draw(seed, index, attempt, only)
        if recipe is None:
            continue
        reason, difference, where = truth(recipe)
        spoiled = difference > DIFFERS
        if reason or (found and not spoiled):
            dropped[reason or "another that changes nothing"] += 1
            continue
        outcome = Outcome(
            kind="mutant" if spoiled else "equivalent", index=index, recipe=str(recipe), mutation=recipe.mutation,
            difference=difference, where=where, dropped=dict(dropped),
        )  # fmt: skip
        with ExitStack() as stack:
            for side in SIDES.values() if recipe.mutation in DTYPES else ():
                stack.enter_context(side.float64())  # to a float32 model a cast to float32 does nothing
            models, inputs, keeps = built(recipe)
        judge(outcome, compare, models[0], models[1], inputs, transfer=not keeps)
        found.append(outcome)
        dropped.clear()
        if spoiled:
            break
    return found


def _draw(seed: int, index: int, attempt: int, only: str) -> Recipe | None:
    """A recipe: mutations and models take turns, all else is drawn. None where the mutation has no place there."""
    rng = np.random.default_rng((seed, index, attempt))
    names = [name for name in MUTATIONS if only in name] or list(MUTATIONS)
    models = [name for name in MODELS if only in name] or list(MODELS)
    mutation = names[index % len(names)]
    model = np.random.default_rng((seed, index)).permutation(models)[attempt % len(models)]
    frameworks = FRAMEWORKS[rng.integers(len(FRAMEWORKS))]
    spoiled = int(rng.integers(2))
    key = (mutation, model, frameworks[spoiled])
    if key in NOWHERE:
        return None
    pair = PAIRS[model]
    how = pair.kinds_of_input[rng.integers(len(pair.kinds_of_input))]
    weights = int(rng.integers(1000))
    found = _places(mutation, frameworks[spoiled], pair.filled(frameworks[spoiled], weights))
    if not found:
        NOWHERE.add(key)
        return None
    place = found[rng.integers(len(found))][1].label
    return Recipe(
        model=str(model),
        mutation=mutation,
        place=place,
        frameworks=frameworks,
        spoiled=spoiled,
        inputs=how,
        seed=weights,
    )


def _places(mutation: str, framework: str, model: Any) -> list[tuple[Mutation, Place]]:
    return [(m, place) for m in MUTATIONS[mutation] for place in m.find(SIDES[framework], model)]


def spoil(recipe: Recipe, model: Any) -> bool:
    """Make the mutation; whether it changes the values of weights."""
    framework = recipe.frameworks[recipe.spoiled]
    mutation, place = next(
        found for found in _places(recipe.mutation, framework, model) if found[1].label == recipe.place
    )
    place.apply()
    return mutation.keeps


def built(recipe: Recipe) -> tuple[list[Any], tuple[Array, ...], bool]:
    """Both models with equal weights, one of them spoiled; their inputs; whether its weights were."""
    pair = PAIRS[recipe.model]
    models = [pair.filled(framework, recipe.seed) for framework in recipe.frameworks]
    keeps = spoil(recipe, models[recipe.spoiled])
    return models, pair.inputs(recipe.inputs, recipe.seed), keeps


def truth(recipe: Recipe) -> tuple[str, float, str]:
    """Why the pair is of no use, if it is; how far its sides are apart, and where they are the most."""
    with ExitStack() as stack:
        for side in SIDES.values():
            stack.enter_context(side.float64())
        pair = PAIRS[recipe.model]
        inputs = pair.inputs(recipe.inputs, recipe.seed)
        clean, other = (
            _seen(recipe, side, pair.filled(recipe.frameworks[side], recipe.seed), inputs)
            for side in (recipe.spoiled, 1 - recipe.spoiled)
        )
        if apart(clean, other)[0] > DIFFERS:
            return f"the models differ unspoiled: {recipe.model}, {recipe.inputs}", 0.0, ""
        Effects.count = 0
        try:
            models, inputs, _ = built(recipe)
            found = apart(_seen(recipe, recipe.spoiled, models[recipe.spoiled], inputs), other)
        except Exception:
            return "the mutant does not run", 0.0, ""
    if recipe.mutation in TAMPERS and not Effects.count:
        return "the mutation is not reached", 0.0, ""
    return ("the truth is unclear" if UNCHANGED < found[0] <= DIFFERS else ""), *found


def _seen(recipe: Recipe, index: int, model: Any, inputs: tuple[Array, ...]) -> Seen:
    """What a side does, by the names of the Paddle model where the pair has one."""
    framework = recipe.frameworks[index]
    seen = observe(framework, model, inputs)
    if framework == "torch" and "paddle" in recipe.frameworks:
        return in_paddle_names(PAIRS[recipe.model], seen, model)
    return seen
