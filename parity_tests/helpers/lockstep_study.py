"""A study of a tiny net, and faults for one side of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from nlblocks import specs
from nlblocks.numerics import tolerance
from nlblocks.training.data import Batches, read_data
from nlblocks.training.lockstep import LockstepReport, lockstep
from nlblocks.training.recipes import ImageData, Recipe, recipe_named

NET = specs.AttentionResNet(in_channels=1, width=2)


def recipe(**changes: Any) -> Recipe:
    """A net of 2 channels on digits as they are, in float64, an epoch of batches of 16."""
    known = recipe_named("digits_ablation")
    return replace(
        known, variants=(replace(known.variants[0], model=NET),), data=ImageData(source="digits"),
        optimiser=replace(known.optimiser, **changes.pop("optimiser", {})),
        **{"precision": "float64", "batch_size": 16, "epochs": 1, **changes},
    )  # fmt: skip


def trained(study: Recipe, steps: int) -> LockstepReport:
    """The study's first steps, in lockstep."""
    return lockstep(study, study.variants[0].model, Batches(study, _images()), steps=steps)


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> None:
    """Let every trainer of Paddle be of a class that ``change`` makes of the right one."""
    from nlblocks_paddle import training

    monkeypatch.setattr(training, "make", change(training.PaddleTrainer))


def nothing_may_be_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every noise floor be too large to judge by: gradients that are zero but for rounding are left open."""
    for ceilings in (tolerance.MODEL_CEILING, tolerance.ZERO_CEILING):
        monkeypatch.setitem(ceilings, "float64", 1e-300)


def otherwise(
    study: Callable[[Recipe], Recipe] = lambda study: study, net: Callable[[Any], Any] = lambda net: net
) -> Callable[[Any], Any]:
    """A change to a trainer of another recipe or another net than was asked for."""

    def change(kind: Any) -> Any:
        class Other(kind):  # type: ignore[misc]
            def __init__(self, recipe: Recipe, spec: Any, options: Any) -> None:
                super().__init__(study(recipe), net(spec), options)

        return Other

    return change


@cache
def _images() -> Any:
    return read_data("digits")
