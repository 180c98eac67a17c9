"""Recipe: one study, whole: what is trained, on what, how, for how long, from which seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.errors import InputError, one_of
from nlblocks.specs.base import Param, Spec, register
from nlblocks.specs.check import check_bool, check_choice, check_int, check_number, check_type, refuse
from nlblocks.training.recipes.parts import Group, ImageData, Optimiser, Schedule, Variant, check_name

PRECISIONS = ("float32", "float64", "mixed")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Spec):
    """A study: several models, each trained alike.

    The loss is the mean cross-entropy, its targets smoothed by ``label_smoothing`` s: 1 - s + s/K for the label, s/K
    for each other of the K classes. ``seed`` fixes initial weights, the order of samples, and every augmentation and
    dropout draw. Training steps see whole batches: the rest of an epoch that fills none is left out.
    """

    kind: ClassVar[str] = "recipe"

    name: Annotated[str, "what the study is called"]
    variants: Annotated[tuple[Variant, ...], "the models; the first is the baseline"]
    data: Annotated[ImageData, "the images"] = field(default_factory=ImageData)
    optimiser: Annotated[Optimiser, "how weights move"] = field(default_factory=Optimiser)
    schedule: Annotated[Schedule, "the learning rate over time"] = field(default_factory=Schedule)
    groups: Annotated[tuple[Group, ...], "parameters trained otherwise; the first that matches a name counts"] = ()
    epochs: Annotated[int, "passes over the training images"] = 10
    batch_size: Annotated[int, "images a step, of all processes together"] = 32
    label_smoothing: Annotated[float, "share of the target that is spread over all classes"] = 0.0
    precision: Annotated[str, "float32, float64, or mixed: float32 weights, products in half precision"] = "float32"
    sync_norm: Annotated[bool, "whether several processes share BatchNorm's statistics"] = False
    seed: Annotated[int, "fixes weights, order, augmentation and dropout"] = 0

    def validate(self) -> None:
        check_name(self, "name")
        self._check_tuple("variants", Variant)
        if not self.variants:
            raise refuse(self, "variants", "must hold at least one model")
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise refuse(self, "variants", f"must have different names, not {', '.join(names)}")
        check_type(self, "data", ImageData)
        check_type(self, "optimiser", Optimiser)
        check_type(self, "schedule", Schedule)
        self._check_tuple("groups", Group)
        check_int(self, "epochs")
        check_int(self, "batch_size")
        check_number(self, "label_smoothing", low=0.0, high=1.0, exclusive="high")
        check_choice(self, "precision", PRECISIONS)
        check_bool(self, "sync_norm")
        check_int(self, "seed", at_least=0)

    def variant(self, name: str) -> Variant:
        """The variant of a name. Raises InputError for one that is not there."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = [variant.name for variant in self.variants]
        raise InputError(f"recipe {self.name} has no variant {name!r}; it {one_of(name, names)}")

    def group_of(self, param: Param) -> Group:
        """How a parameter is trained: the first group that matches its name, with the decay that it has there."""
        found = next((group for group in self.groups if group.matches(param.name)), Group(pattern="*"))
        decay = found.weight_decay
        if decay is None:
            decays = self.optimiser.decay_vectors or len(param.shape) > 1
            decay = self.optimiser.weight_decay if decays else 0.0
        return Group(pattern=found.pattern, frozen=found.frozen, lr_factor=found.lr_factor, weight_decay=decay)

    def check_groups(self) -> None:
        """Raise InputError for a group whose pattern matches no parameter of any model: it would do nothing."""
        names = [p.name for variant in self.variants for p in variant.model.params() if p.trainable]
        for group in self.groups:
            if not any(group.matches(name) for name in names):
                raise refuse(group, "pattern", f"matches no parameter of any model, such as {names[0]}")

    def trained(self, params: Iterable[Param]) -> dict[tuple[float, float], list[str]]:
        """The names of the parameters that are trained, by how: the factor on their learning rate, and their decay.

        Raises InputError where all are frozen.
        """
        found: dict[tuple[float, float], list[str]] = {}
        for param in params:
            group = self.group_of(param)
            if param.trainable and not group.frozen:
                found.setdefault((group.lr_factor, group.weight_decay or 0.0), []).append(param.name)
        if not found:
            raise refuse(self, "groups", "must leave a parameter that is not frozen")
        return found

    def learning_rate(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.optimiser.lr * self.schedule.factor(step, steps_per_epoch, self.epochs)

    def _check_tuple(self, name: str, cls: type) -> None:
        values = getattr(self, name)
        if not isinstance(values, tuple) or not all(isinstance(value, cls) for value in values):
            raise refuse(self, name, f"must be a list of {cls.__name__} specs")
