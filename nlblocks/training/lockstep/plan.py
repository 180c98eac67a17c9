"""What is trained side by side: the plan of all runs, and what a step leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from nlblocks.backend import Array, DType, State, get
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
FORWARD = ("batch", "evaluation", "loss", "buffers", "gradients")
"""What a step computes before the optimiser, in order; then come its slots, then the weights."""
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
class At:
    """Where a step is taken from: a state, what each side is fed, and test images [B, C, H, W] to be answered first."""

    state: TrainingState
    fed: tuple[Fed, Fed]
    test: Array | None = None

    @property
    def step(self) -> int:
        """Counted from 1."""
        return self.fed[0].step + 1

    def exact(self) -> At:
        """Without what only a framework itself holds, such as powers of decay rates that it rounded to float32."""
        return replace(self, state=replace(self.state, native={}))


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

    def in_float64(self) -> Plan:
        """The same in float64."""
        return replace(self, recipe=replace(self.recipe, precision="float64"))

    def run(self, side: int, trial: int | None = None) -> Run:
        """The run of a side at its start; with a ``trial`` one whose recipe is nudged, as all that it is given will be.

        The recipe's part is its targets, for a saturated softmax has no gradient but the rounding of a target, and the
        decay rates: 1 - 0.999 is not as exact as 0.999.
        """
        recipe = self.recipe
        if trial is not None:
            unit, own = EPSILON[self.dtype], recipe.optimiser
            own = replace(own, beta1=own.beta1 * (1.0 - unit), beta2=own.beta2 * (1.0 - unit))
            recipe = replace(recipe, optimiser=own, label_smoothing=recipe.label_smoothing + unit)
        return Run(self, side, trainer_of(self.pair[side], recipe, self.spec), trial)


@dataclass(frozen=True, slots=True)
class Run:
    """One model in training on one ``side`` of the pair.

    With a ``trial`` all that it is given is nudged: states, gradients, and all images that it sees. In every other
    trial it sees each batch in another order: nothing but rounding depends on it, and sums over a batch round by more
    than their terms.
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

    def take(self, fed: Fed) -> dict[Key, Array]:
        """One step, and all that it leaves behind."""
        found = {LOSS: np.asarray(self.go(fed), self.plan.dtype)}
        found |= {("gradients", name): value for name, value in self.trainer.gradients().items()}
        return found | self.held()

    def place(self, state: TrainingState) -> None:
        """Go on from a state."""
        if self.trial is not None:
            slots = {
                slot: values if slot == COUNTS else self._nudged_all(values, f"{slot}:")
                for slot, values in state.slots.items()
            }
            native = {name: NoiseFloor.nudged(value, self.trial, name) for name, value in state.native.items()}
            state = replace(state, weights=self._nudged_all(state.weights, ""), slots=slots, native=native)
        self.trainer.load(state)

    def update(self, gradients: State, lr: float) -> dict[Key, Array]:
        """What the optimiser alone makes of gradients: the slots and weights after it."""
        self.trainer.update(gradients if self.trial is None else self._nudged_all(gradients, "gradients:"), lr=lr)
        return {key: value for key, value in self.held().items() if key[0] not in FORWARD}

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

    def _nudged_all(self, values: State, prefix: str) -> State:
        return {name: self._nudged(value, f"{prefix}{name}") for name, value in values.items()}

    def _nudged(self, array: Array, name: str) -> Array:
        return NoiseFloor.nudged(array.astype(self.plan.dtype), cast(int, self.trial), name)
