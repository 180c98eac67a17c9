"""What is trained side by side: the plan of all runs, and what a step leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from nlblocks.backend import Array, DType, get
from nlblocks.numerics import NoiseFloor
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import TrainingState, trainer_of

Key = tuple[str, str]
"""(group, name): ("weights", "fc.bias"); the groups are loss, buffers, gradients, the optimiser's slots, weights."""
Results = Mapping[Key, Array]
"""What a step is compared by."""
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
        return {
            ("batch", "images"): get(backend).to_numpy(self.images),
            ("batch", "labels"): get(backend).to_numpy(self.labels),
        }


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

    def trainer(self, backend: str, state: TrainingState | None = None) -> Any:
        """A trainer at the start of the run, or at a state."""
        found = trainer_of(backend, self.recipe, self.spec)
        if state is not None:
            found.load(state)
        return found

    def nudged(self, state: TrainingState, trial: int) -> Any:
        """A trainer of the first framework at a state of it that is moved by one unit in the last place."""
        weights = {name: NoiseFloor.nudged(value, trial, name) for name, value in state.weights.items()}
        slots = {
            slot: {name: NoiseFloor.nudged(value, trial, f"{slot}:{name}") for name, value in values.items()}
            for slot, values in state.slots.items()
            if slot != COUNTS
        }
        return self.trainer(self.pair[0], replace(state, weights=weights, slots={**state.slots, **slots}))

    def feed(self, trainer: Any) -> Iterator[Fed]:
        """What a trainer's own loader feeds it, from the first step to the last."""
        per_epoch = self.batches.steps_per_epoch
        step = 0
        for epoch in range(self.recipe.epochs):
            for images, labels in trainer.loader(self.batches, epoch, 0):
                if step == self.steps:
                    return
                lr = self.recipe.learning_rate(step, per_epoch)
                yield Fed(step=step, epoch=epoch, lr=lr, images=images, labels=labels)
                step += 1

    def take(self, trainer: Any, fed: Fed) -> Results:
        """One step, and all that it leaves behind. Nothing is drawn in it: random parts are off."""
        loss = trainer.step(fed.images, fed.labels, lr=fed.lr, seed=fed.step)
        found = {LOSS: np.asarray(float(loss), self.dtype)}
        found |= {("gradients", name): value for name, value in trainer.gradients().items()}
        return found | self.held(trainer.state())

    def take_until(self, trainer: Any, steps: int) -> Results:
        """The first steps of a run, and what the last of them leaves behind."""
        for fed in self.feed(trainer):
            if fed.step + 1 == steps:
                return self.take(trainer, fed)
            trainer.step(fed.images, fed.labels, lr=fed.lr, seed=fed.step)
        raise AssertionError(f"the run has fewer than {steps} steps")  # its caller has taken them

    def held(self, state: TrainingState) -> dict[Key, Array]:
        """What a run holds between steps: buffers, weights, and the optimiser's slots."""
        trainable = {param.name for param in self.spec.params() if param.trainable}
        found = {("weights" if name in trainable else "buffers", name): a for name, a in state.weights.items()}
        slots = {(slot, name): a for slot, values in state.slots.items() for name, a in values.items()}
        return found | {key: a.astype(np.float64) if key[0] == COUNTS else a for key, a in slots.items()}
