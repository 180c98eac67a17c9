"""Trainer: what a framework does in a training run. Everything above it is written once against this protocol."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from nlblocks.backend import Array, State, package, row_of
from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe

DEVICES = ("auto", "cpu", "gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is executed, which changes no number of it beyond rounding.

    ``device`` is "auto" (a GPU where there is one), "cpu" or "gpu"; ``compiled`` runs the model through the
    framework's compiler; ``workers`` are processes that prepare batches.
    """

    device: str = "auto"
    compiled: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise InputError(f"Options: device={self.device!r} must be one of {known(DEVICES)}")
        if type(self.workers) is not int or self.workers < 0:
            raise InputError(f"Options: workers={self.workers!r} must be a number of processes, 0 or more")

    def on_gpu(self, *, found: bool, why: str) -> bool:
        """Whether to train on a GPU, of which a framework says whether it finds one, and if not, ``why``."""
        if self.device == "gpu" and not found:
            raise InputError(f"Options: device='gpu' cannot be used: {why}; choose 'cpu'")
        return found and self.device != "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """All that a run goes on from, as arrays under canonical names and layouts.

    ``step`` steps are done. ``slots`` is what the optimiser keeps of each parameter: "m" and "v" of Adam (the first
    and second moment) and "updates" (how often it moved, a scalar: mixed precision leaves out a step whose gradients
    overflow), "velocity" of SGD with momentum; a parameter that has none is absent. ``native`` holds what only
    ``framework`` itself needs to go on to the bit; another one leaves it.
    """

    framework: str
    step: int
    weights: State
    slots: Mapping[str, State] = field(default_factory=dict)
    native: Mapping[str, Array] = field(default_factory=dict)

    def check(self, spec: BlockSpec) -> None:
        """Raise InputError unless all tensors are those of a model of this spec."""
        shapes = {param.name: param.shape for param in spec.params()}
        known = {name: value.shape for name, value in self.weights.items()}
        wrong = [name for name in shapes.keys() | known if shapes.get(name) != known.get(name)]
        for slot, values in self.slots.items():
            expected = {name: () if slot == "updates" else shape for name, shape in shapes.items()}
            wrong += [f"{slot} of {name}" for name, value in values.items() if expected.get(name) != value.shape]
        if wrong:
            raise InputError(
                f"the state is of another model than this {spec.kind}: {', '.join(sorted(wrong)[:5])} is missing, "
                "unexpected or of another shape; it must come from a run of the same recipe and model"
            )


class Trainer(Protocol):
    """One model, its optimiser, and how one step is taken, in one framework, on its ``device``."""

    framework: str
    device: str
    model: Any

    def step(self, images: Any, labels: Any, *, lr: float, seed: int) -> Any:
        """One step of training on a batch, images [B, C, H, W] and labels [B], arrays or tensors of the framework.

        ``seed`` fixes what the step draws. Returns the loss, a tensor: reading it may have to wait for a device.
        """

    def update(self, gradients: State, *, lr: float) -> None:
        """A step without its forward and backward pass: the optimiser moves the weights by these clipped gradients."""

    def gradients(self) -> State:
        """The gradient of each trained parameter in the last step, after clipping."""

    def logits(self, images: Any) -> Array:
        """What the model answers in evaluation: [B, C, H, W] → [B, classes]."""

    def loader(self, batches: Batches, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        """The batches of an epoch from step ``start`` on, as tensors of the framework, by its own loader."""

    def state(self) -> TrainingState:
        """A copy of all that the run goes on from."""

    def load(self, state: TrainingState) -> None:
        """Go on from a state, of this framework (to the bit) or of another one."""


def trainer_of(backend: str, recipe: Recipe, model: BlockSpec, options: Options | None = None) -> Trainer:
    """A model of a recipe, at its start, in a backend. Raises InputError for a backend that cannot train."""
    package(backend)
    name = f"{row_of(backend).module}.training"
    try:
        made = importlib.import_module(name).make
    except ModuleNotFoundError as error:
        if error.name != name:  # something that it imports
            raise
        raise InputError(f"backend {backend!r} does not train; choose another one") from None
    return cast(Trainer, made(recipe, model, options or Options()))
