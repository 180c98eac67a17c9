"""Training in miniature: a study of two small networks, three steps an epoch, done in a blink."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nlblocks import specs
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import ImageData, Recipe, recipe_named

STEPS = 3
"""An epoch, of batches of 400 digits; 238 are left out."""


def tiny_recipe(**fields: Any) -> Recipe:
    """Two networks with a norm, the first with dropout too; digits of 8×8, cropped and flipped; 2 epochs."""
    variant = recipe_named("digits_ablation").variants[0]
    model = specs.ArticleDigitNet(image_size=8, width=2, hidden=4)
    chosen: dict[str, Any] = {
        "name": "tiny", "data": ImageData(crop=1, flip=True), "epochs": 2, "batch_size": 400,
        "variants": (replace(variant, name="dropout", model=model),
                     replace(variant, name="certain", model=replace(model, dropout=0.0))),
    }  # fmt: skip
    return Recipe(**{**chosen, **fields})


def tiny_batches(recipe: Recipe) -> Batches:
    return Batches(recipe, read_data("digits"))
