"""The parts of a recipe: images, optimiser, schedule, groups of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar

from nlblocks.specs.base import BlockSpec, Spec, register
from nlblocks.specs.check import check_bool, check_choice, check_int, check_number, check_type, refuse

SOURCES = ("digits", "cifar10", "mnist", "fashion_mnist", "folder")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ImageData(Spec):
    """Which images are trained on, and what is done to each before a model sees it.

    uint8 [H, W, C] → resized to ``size``×``size`` (bilinear between pixel centres, without antialiasing) → augmented
    in training (crop, flip) → value / 255, minus ``mean``, divided by ``std`` → float [C, H, W].
    """

    kind: ClassVar[str] = "image_data"

    source: Annotated[str, "digits, cifar10, mnist, fashion_mnist or folder"] = "digits"
    size: Annotated[int | None, "height and width that images are resized to; None: as they are"] = None
    mean: Annotated[tuple[float, ...], "subtracted, of each channel or one for all, on a scale of 0 to 1"] = (0.5,)
    std: Annotated[tuple[float, ...], "divided by, of each channel or one for all"] = (0.5,)
    flip: Annotated[bool, "whether training flips half of the images left to right"] = False
    crop: Annotated[int, "pixels that training pads on each side before it crops at random; 0: no crop"] = 0

    def validate(self) -> None:
        check_choice(self, "source", SOURCES)
        check_int(self, "size", optional=True)
        _check_numbers(self, "mean")
        _check_numbers(self, "std")
        if any(value <= 0 for value in self.std):
            raise refuse(self, "std", "must be above 0")
        check_bool(self, "flip")
        check_int(self, "crop", at_least=0)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser(Spec):
    """How weights move: the same meaning in every framework.

    "sgd" is v ← momentum·v + g, w ← w - lr·v (or g + momentum·v with ``nesterov``); "adam" is algorithm 1 of
    arXiv:1412.6980, its decay added to the gradient; "adamw" is arXiv:1711.05101, its decay taken off the weights,
    times lr.
    """

    kind: ClassVar[str] = "optimiser"

    rule: Annotated[str, "sgd, adam or adamw"] = "adam"
    lr: Annotated[float, "learning rate, before the schedule's factor"] = 1e-3
    momentum: Annotated[float, "of sgd"] = 0.0
    nesterov: Annotated[bool, "of sgd: look ahead along the momentum"] = False
    beta1: Annotated[float, "of adam: decay of the first moment"] = 0.9
    beta2: Annotated[float, "of adam: decay of the second moment"] = 0.999
    eps: Annotated[float, "of adam: added to the root of the second moment"] = 1e-8
    weight_decay: Annotated[float, "decay of the weights"] = 0.0
    decay_vectors: Annotated[bool, "whether biases and norms (tensors of one axis) decay too"] = True
    clip: Annotated[float | None, "largest Euclidean norm of all gradients together; None: no limit"] = None

    def validate(self) -> None:
        check_choice(self, "rule", ("sgd", "adam", "adamw"))
        check_number(self, "lr", low=0.0)
        check_number(self, "momentum", low=0.0, high=1.0, exclusive="high")
        check_bool(self, "nesterov")
        check_number(self, "beta1", low=0.0, high=1.0, exclusive="high")
        check_number(self, "beta2", low=0.0, high=1.0, exclusive="high")
        check_number(self, "eps", low=0.0, exclusive="low")
        check_number(self, "weight_decay", low=0.0)
        check_bool(self, "decay_vectors")
        if self.clip is not None:
            check_number(self, "clip", low=0.0, exclusive="low")
        if self.nesterov and self.momentum == 0:
            raise refuse(self, "nesterov", "needs a momentum above 0")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Spec):
    """The factor on the learning rate at each step, counted from 0; the same number in every framework.

    Warm-up rises from 1/``warmup`` to 1 over the first ``warmup`` steps. Then "constant" stays; "cosine" falls from 1
    to ``floor`` along half a cosine over the steps that are left; "step" is multiplied by ``gamma`` every ``every``
    epochs.
    """

    kind: ClassVar[str] = "schedule"

    shape: Annotated[str, "constant, cosine or step"] = "constant"
    warmup: Annotated[int, "steps of warm-up"] = 0
    every: Annotated[int, "of step: epochs between two falls"] = 10
    gamma: Annotated[float, "of step: the factor of each fall"] = 0.1
    floor: Annotated[float, "of cosine: the factor at the end"] = 0.0

    def validate(self) -> None:
        check_choice(self, "shape", ("constant", "cosine", "step"))
        check_int(self, "warmup", at_least=0)
        check_int(self, "every")
        check_number(self, "gamma", low=0.0)
        check_number(self, "floor", low=0.0)

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """What the learning rate is multiplied by at a step of a run of ``epochs``."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.shape == "cosine":
            total = max(1, steps_per_epoch * epochs - self.warmup)
            done = min(1.0, (step - self.warmup) / total)
            return self.floor + (1.0 - self.floor) * 0.5 * (1.0 + math.cos(math.pi * done))
        if self.shape == "step":
            return self.gamma ** (step // steps_per_epoch // self.every)
        return 1.0


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Spec):
    """Parameters that are trained otherwise than the rest: those whose canonical name a pattern matches."""

    kind: ClassVar[str] = "parameter_group"

    pattern: Annotated[str, "canonical names, with * for any text, such as stage_1.*"]
    frozen: Annotated[bool, "whether they stay as they are; norms within keep their running statistics too"] = False
    lr_factor: Annotated[float, "what their learning rate is multiplied by"] = 1.0
    weight_decay: Annotated[float | None, "their decay; None: the optimiser's"] = None

    def validate(self) -> None:
        if not isinstance(self.pattern, str) or not self.pattern:
            raise refuse(self, "pattern", "must be a name, with * for any text, such as stage_1.*")
        check_bool(self, "frozen")
        check_number(self, "lr_factor", low=0.0)
        if self.weight_decay is not None:
            check_number(self, "weight_decay", low=0.0)

    def matches(self, name: str) -> bool:
        return fnmatchcase(name, self.pattern)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(Spec):
    """One of the models of a study, by name."""

    kind: ClassVar[str] = "variant"

    name: Annotated[str, "what it is called in folders, tables and pictures"]
    model: Annotated[BlockSpec, "a network: image [B, C, H, W] to logits [B, classes]"]

    def validate(self) -> None:
        check_type(self, "model", BlockSpec)
        check_name(self, "name")


def check_name(spec: Spec, field: str) -> None:
    """The field is a name that can be a folder's: lower-case letters, digits and _."""
    value = getattr(spec, field)
    if not isinstance(value, str) or not value.isidentifier() or not value.isascii() or value != value.lower():
        raise refuse(spec, field, "must be lower-case letters, digits and _, such as dot_product")


def _check_numbers(spec: Spec, field: str) -> None:
    values = getattr(spec, field)
    if not isinstance(values, tuple) or not values or not all(_is_number(value) for value in values):
        raise refuse(spec, field, "must be a list of numbers, one for each channel or one for all")
    object.__setattr__(spec, field, tuple(float(value) for value in values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
