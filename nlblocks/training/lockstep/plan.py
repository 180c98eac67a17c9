"""What is trained side by side: the plan of all runs, and what a step leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from nlblocks.backend import Array, DType, get
from nlblocks.init import generator
from nlblocks.numerics import NoiseFloor
from nlblocks.numerics.tolerance import EPSILON
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import TrainingState, trainer_of

Key = tuple[str, str]
"""(group, name): ("weights", "fc.bias"); the groups are loss, buffers, gradients, the optimiser's slots, weights."""
Results = Mapping[Key, Array]
"""What a step is compared by."""
IMAGES: Key = ("batch", "images")
LABELS: Key = ("batch", "labels")
LOSS: Key = ("loss", "loss")
COUNTS = "updates"
"""The slot that counts: no rounding moves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What a trainer is fed in a step, counted from 0: images [B, C, H, W] and labels [B], its framework's tensors."""

    step: int
    epoch: int
    lr: float
    images: Any
    labels: Any

    def arrays(self, backend: str) -> Results:
        """The batch as arrays, to be compared."""
        return {IMAGES: get(backend).to_numpy(self.images), LABELS: get(backend).to_numpy(self.labels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a step of a nudged run of a side left behind."""

    side: int
    shuffled: bool
    results: Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A model without its random parts, trained as a recipe says for ``steps`` steps in a ``pair`` of backends."""

    recipe: Recipe
    spec: BlockSpec
    batches: Batches
    pair: tuple[str, str]
    steps: int

    @property
    def dtype(self) -> DType:
        return cast(DType, self.recipe.precision)

    def run(self, side: int, state: TrainingState | None = None) -> Run:
        """The run of a side, at its start or at a state."""
        return self._run(side, self.recipe, state)

    def nudged(self, state: TrainingState, trial: int) -> Run:
        """A run from a state, with all that goes into it moved by one unit in the last place.

        That is weights, slots, images, and targets: a saturated softmax has no gradient but the rounding of a target.
        Trials go in pairs, the second of which sees each batch in another order: nothing but rounding depends on it,
        and sums over a batch round by more than their terms. The first pair is of the first side, where it takes more
        of each side in turn.
        """
        weights = {name: NoiseFloor.nudged(value, trial, name) for name, value in state.weights.items()}
        slots = {
            slot: {name: NoiseFloor.nudged(value, trial, f"{slot}:{name}") for name, value in values.items()}
            for slot, values in state.slots.items()
            if slot != COUNTS
        }
        smoothing = self.recipe.label_smoothing + EPSILON[self.dtype]
        moved = replace(state, weights=weights, slots={**state.slots, **slots})
        return self._run(trial // 2 % 2, replace(self.recipe, label_smoothing=smoothing), moved, trial)

    def _run(self, side: int, recipe: Recipe, state: TrainingState | None, trial: int | None = None) -> Run:
        trainer = trainer_of(self.pair[side], recipe, self.spec)
        if state is not None:
            trainer.load(state)
        return Run(self, side, trainer, trial)


@dataclass(frozen=True, slots=True)
class Run:
    """One model in training on one ``side`` of the pair.

    With a ``trial`` all images that it sees are nudged, and each batch is ``shuffled`` in every other trial.
    """

    plan: Plan
    side: int
    trainer: Any
    trial: int | None = None

    @property
    def shuffled(self) -> bool:
        return self.trial is not None and self.trial % 2 == 1

    def feed(self) -> Iterator[Fed]:
        """What the framework's own loader feeds it, from the first step to the last."""
        plan = self.plan
        per_epoch = plan.batches.steps_per_epoch
        step = 0
        for epoch in range(plan.recipe.epochs):
            for images, labels in self.trainer.loader(plan.batches, epoch, 0):
                if step == plan.steps:
                    return
                lr = plan.recipe.learning_rate(step, per_epoch)
                yield Fed(step=step, epoch=epoch, lr=lr, images=images, labels=labels)
                step += 1

    def go(self, fed: Fed) -> float:
        """One step, and its loss. Nothing is drawn in it: random parts are off."""
        images, labels = fed.images, fed.labels
        if self.trial is not None:
            given = fed.arrays(self.plan.pair[self.side])
            images, labels = self._nudged(given[IMAGES], f"images:{fed.step}"), given[LABELS]
            if self.shuffled:
                order = generator(self.trial, f"order:{fed.step}").permutation(len(labels))
                images, labels = images[order], labels[order]
        return float(self.trainer.step(images, labels, lr=fed.lr, seed=fed.step))

    def moved(self, results: Results) -> Moved:
        """What a step of this nudged run left behind, to be compared with that of its side."""
        return Moved(side=self.side, shuffled=self.shuffled, results=results)

    def take(self, fed: Fed) -> dict[Key, Array]:
        """One step, and all that it leaves behind."""
        found = {LOSS: np.asarray(self.go(fed), self.plan.dtype)}
        found |= {("gradients", name): value for name, value in self.trainer.gradients().items()}
        return found | self.held()

    def take_until(self, steps: int) -> dict[Key, Array]:
        """The first steps of the run, and what the last of them leaves behind."""
        for fed in self.feed():
            if fed.step + 1 == steps:
                return self.take(fed)
            self.go(fed)
        raise AssertionError(f"the run has fewer than {steps} steps")  # its caller has taken them

    def answer(self, images: Array) -> dict[Key, Array]:
        """What the model in evaluation says of images [B, C, H, W]."""
        seen = images if self.trial is None else self._nudged(images, "images")
        return {("evaluation", "logits"): self.trainer.logits(seen)}

    def held(self) -> dict[Key, Array]:
        """What it holds between steps: buffers, weights, and the optimiser's slots."""
        state = self.trainer.state()
        trainable = {param.name for param in self.plan.spec.params() if param.trainable}
        found = {("weights" if name in trainable else "buffers", name): a for name, a in state.weights.items()}
        slots = {(slot, name): a for slot, values in state.slots.items() for name, a in values.items()}
        return found | {key: a.astype(np.float64) if key[0] == COUNTS else a for key, a in slots.items()}

    def _nudged(self, images: Array, name: str) -> Array:
        return NoiseFloor.nudged(images.astype(self.plan.dtype), cast(int, self.trial), name)
