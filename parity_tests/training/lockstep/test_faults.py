"""A fault in the training of one framework is seen, in the step and in the quantity where it comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nlblocks.training.recipes import Recipe
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.lockstep_study import otherwise, recipe, spoil, trained

STEPS = 4


def with_optimiser(**changes: Any) -> Callable[[Recipe], Recipe]:
    return lambda study: replace(study, optimiser=replace(study.optimiser, **changes))


def norm_of(**changes: Any) -> Callable[[Any], Any]:
    return lambda net: replace(net, norm=replace(net.norm, **changes))


def step_by(before: Callable[[Any, dict[str, Any]], None]) -> Callable[[Any], Any]:
    """A change to a trainer that changes what each step is given."""

    def change(kind: Any) -> Any:
        class Other(kind):  # type: ignore[misc]
            def step(self, images: Any, labels: Any, **given: Any) -> Any:
                all_given = {"images": images, "labels": labels, **given}
                before(self, all_given)
                return super().step(**all_given)

        return Other

    return change


def without_bias_correction(trainer: Any, given: dict[str, Any]) -> None:
    """Powers of the betas that are 0 leave 1 - 0 to divide by."""
    from nlblocks_paddle.training.optimiser import POWERS

    for kind in POWERS:
        for power in trainer.optimiser._accumulators.get(kind, {}).values():
            power.set_value(power * 0.0)


def a_sample_less(trainer: Any, given: dict[str, Any]) -> None:
    if trainer.steps == 2:
        given["images"], given["labels"] = given["images"][:-1], given["labels"][:-1]


def a_step_late(trainer: Any, given: dict[str, Any]) -> None:
    trainer.late, given["lr"] = given["lr"], getattr(trainer, "late", given["lr"])


def an_element_off(kind: Any) -> Any:
    class Other(kind):  # type: ignore[misc]
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            state = self.state()
            weight = state.weights["stage_1.0.conv_1.weight"].copy()
            weight[0, 0, 0, 0] += max(1e-9, np.spacing(weight[0, 0, 0, 0]))
            self.load(replace(state, weights={**state.weights, "stage_1.0.conv_1.weight": weight}))

    return Other


def a_loader_that_drops(kind: Any) -> Any:
    class Other(kind):  # type: ignore[misc]
        def loader(self, *arguments: Any) -> Any:
            for number, (images, labels) in enumerate(super().loader(*arguments)):
                yield (images[:-1], labels[:-1]) if number == 1 else (images, labels)

    return Other


def a_sum_at_last(kind: Any) -> Any:
    """The loss is a sum and no mean in the last step: its gradients are 16 times as large."""

    class Other(kind):  # type: ignore[misc]
        def step(self, images: Any, labels: Any, **given: Any) -> Any:
            from nlblocks_paddle.training import trainer

            mean = trainer.cross_entropy
            if self.steps == STEPS - 1:
                trainer.cross_entropy = lambda *arguments: mean(*arguments) * len(labels)
            try:
                return super().step(images, labels, **given)
            finally:
                trainer.cross_entropy = mean

    return Other


def an_answer_off(kind: Any) -> Any:
    class Other(kind):  # type: ignore[misc]
        def logits(self, images: Any) -> Any:
            return super().logits(images) * (1 + 1e-9)

    return Other


def a_slot_lost_on_the_way(kind: Any) -> Any:
    """A state that is loaded comes without the second moments of one parameter."""

    class Other(kind):  # type: ignore[misc]
        def load(self, state: Any) -> None:
            slots = dict(state.slots)
            if "v" in slots:
                slots["v"] = {**slots["v"], "fc.bias": slots["v"]["fc.bias"] * 0.0}
            super().load(replace(state, slots=slots))

    return Other


FAULTS: dict[str, tuple[Callable[[Any], Any], dict[str, Any], int, str]] = {
    "another momentum of BatchNorm": (otherwise(net=norm_of(momentum=0.11)), {}, 1, "buffers"),
    "the other variance of BatchNorm": (otherwise(net=norm_of(variance="unbiased")), {}, 1, "buffers"),
    "another eps of BatchNorm": (otherwise(net=norm_of(eps=1.001e-5)), {}, 1, "loss"),
    "another eps of Adam": (otherwise(with_optimiser(eps=1.1e-8)), {}, 1, "weights"),
    "another beta1": (otherwise(with_optimiser(beta1=0.9001)), {}, 1, "m"),
    "another beta2": (otherwise(with_optimiser(beta2=0.99901)), {}, 1, "v"),
    "no bias correction": (step_by(without_bias_correction), {}, 2, "weights"),
    "a sample less in a step": (step_by(a_sample_less), {}, 3, "loss"),
    "a sample less in a batch": (a_loader_that_drops, {}, 2, "batch"),
    "label smoothing": (otherwise(lambda study: replace(study, label_smoothing=0.01)), {}, 1, "loss"),
    "decay of vectors": (
        otherwise(with_optimiser(decay_vectors=True)),
        {"optimiser": {"rule": "adamw", "weight_decay": 0.01, "decay_vectors": False}}, 1, "weights",
    ),
    "decay added to the gradient": (
        otherwise(with_optimiser(rule="adam")), {"optimiser": {"rule": "adamw", "weight_decay": 0.01}}, 1, "v",
    ),
    "a learning rate that comes a step late": (
        step_by(a_step_late), {"schedule": replace(recipe().schedule, shape="cosine")}, 2, "weights",
    ),
    "an element of a weight off by a unit": (an_element_off, {}, 0, "weights"),
    "a sum in the last batch": (a_sum_at_last, {}, STEPS, "loss"),
    "no momentum": (
        otherwise(with_optimiser(momentum=0.89)),
        {"optimiser": {"rule": "sgd", "lr": 0.01, "momentum": 0.9}}, 2, "velocity",
    ),
}  # fmt: skip


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_one_side_is_seen_where_it_comes_in(
    name: str, precision: str, require: Require, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("torch", "paddle")
    fault, changes, step, group = FAULTS[name]
    spoil(monkeypatch, fault)
    report = trained(recipe(**{**changes, "precision": precision}), STEPS)
    assert report.verdict == "different"
    assert report.parting is not None
    assert (report.parting.step, report.parting.first.group) == (step, group), str(report)


@pytest.mark.parametrize(
    ("fault", "precision", "step", "group"),
    [
        (an_answer_off, "float64", 4, "evaluation"), (an_answer_off, "float32", 4, "evaluation"),
        (a_slot_lost_on_the_way, "float64", 4, "v"), (a_slot_lost_on_the_way, "float32", 2, "v"),
    ],
    ids=["evaluation", "evaluation-float32", "moved state", "moved state-float32"],
)  # fmt: skip
def test_what_no_step_side_by_side_shows_is_seen_from_the_same_bits(
    fault: Callable[[Any], Any], precision: str, step: int, group: str, require: Require,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The second epoch begins with the fourth step. A float32 state is moved into float64 at every step."""
    require("torch", "paddle")
    spoil(monkeypatch, fault)
    report = trained(recipe(epochs=2, batch_size=400, precision=precision), 4)
    assert report.verdict == "different"
    assert report.parting is not None
    assert (report.parting.step, report.parting.first.group) == (step, group), str(report)


def half_precision_on_the_way(kind: Any) -> Any:
    class Other(kind):  # type: ignore[misc]
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            forward = self.parallel
            if self.dtype == "float32":
                self.parallel = lambda images: forward(images).astype("bfloat16").astype("float32")

    return Other


def test_what_one_framework_loses_in_float32_alone_is_seen_there(
    require: Require, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("torch", "paddle")
    spoil(monkeypatch, half_precision_on_the_way)
    assert trained(recipe(), 2).verdict == "same"
    report = trained(recipe(precision="float32"), 2)
    assert report.parting is not None
    assert (report.parting.step, report.parting.first.group) == (1, "loss"), str(report)
    assert "in float64 both take this step alike: so paddle computes in float32 what it should not" in str(report)
