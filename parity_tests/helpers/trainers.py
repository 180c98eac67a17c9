"""Small networks in training, for the tests of the frameworks' trainers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nlblocks import specs
from nlblocks.backend import Array, State
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import Recipe, recipe_named
from nlblocks.training.running import Options, TrainingState, trainer_of

# Convolutions, linear layers and a block: well conditioned, so that rounding stays what it is.
NET = specs.ArticleDigitNet(image_size=8, width=3, hidden=6, mode="dot_product", dropout=0.0, norm=None)
# Norms all over.
RESNET = specs.AttentionResNet(in_channels=1, width=2, attention=specs.NonLocal(in_channels=8))
FRAMEWORKS = ("torch", "paddle")
STEPS = 12
# Gradients of these networks in float64: rounding is below, what trains is above.
NOISE = 1e-12


def recipe(**fields: Any) -> Recipe:
    """A small recipe on the digits at 8×8, in float64 unless ``fields``, as in JSON, say otherwise."""
    data = recipe_named("digits_ablation").to_dict() | {"precision": "float64", "batch_size": 16}
    for name, value in {"data": {"size": 8}, **fields}.items():
        data[name] = data[name] | value if isinstance(value, dict) else value
    return Recipe.from_dict(data)


def group(pattern: str, *, frozen: bool = False, lr_factor: float = 1.0, decay: float | None = None) -> dict[str, Any]:
    """A group of a recipe, as in JSON."""
    return {
        "kind": "parameter_group", "pattern": pattern, "frozen": frozen, "lr_factor": lr_factor, "weight_decay": decay
    }  # fmt: skip


@cache
def digits() -> Any:
    return read_data("digits")


@dataclass(frozen=True)
class Trained:
    """What some steps of a trainer came to: the losses, the gradients of each step, and the state after the last."""

    losses: Array
    gradients: list[State]
    state: TrainingState


def started(backend: str, recipe: Recipe, net: BlockSpec, options: Options | None = None) -> Any:
    """A trainer whose model is away from its initialisation: gates that start at zero would hide what lies behind."""
    found = trainer_of(backend, recipe, net, options)
    found.load(TrainingState(framework="", step=0, weights=sample.random_state(net, seed=0)))
    return found


def train(trainer: Any, recipe: Recipe, steps: int = STEPS, start: int = 0) -> Trained:
    """Some steps of a run, from ``start`` on."""
    batches = Batches(recipe, digits())
    losses, gradients = [], []
    for step in range(start, start + steps):
        epoch, within = divmod(step, batches.steps_per_epoch)
        if step == start or within == 0:
            loader = trainer.loader(batches, epoch, within)
        lr = recipe.learning_rate(step, batches.steps_per_epoch)
        losses.append(float(trainer.step(*next(loader), lr=lr, seed=step)))
        gradients.append(trainer.gradients())
    return Trained(np.array(losses), gradients, trainer.state())


def tensors(state: TrainingState) -> State:
    """Weights, buffers and slots, by one name each."""
    slots = {f"{slot} of {name}": value for slot, values in state.slots.items() for name, value in values.items()}
    return {**state.weights, **slots}


def distances(left: Trained, right: Trained) -> dict[str, float]:
    """How far two runs are apart: the losses, and each tensor that matters, relative to its largest value.

    A bias that a norm takes off again has a gradient of rounding alone. Adam divides it by its own size, so the bias
    walks at random, the norm's running mean with it; nothing else depends on either.
    """
    largest = {name: max(np.abs(step[name]).max() for step in left.gradients) for name in left.gradients[0]}
    ours, theirs = tensors(left.state), tensors(right.state)
    assert ours.keys() == theirs.keys()
    found = {"losses": np.abs(left.losses - right.losses).max()}
    for name, value in ours.items():
        if largest.get(name.rpartition(" of ")[2], 1.0) > NOISE and not name.endswith("running_mean"):
            found[name] = np.abs(value - theirs[name]).max() / max(np.abs(value).max(), np.finfo(float).tiny)
    return found
