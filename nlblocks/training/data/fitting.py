"""Whether the models of a recipe can be trained on the images, asked before anything is."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.training.data.dataset import Dataset
from nlblocks.training.recipes import Recipe


def check_fit(recipe: Recipe, data: Dataset) -> None:
    """Raise InputError, with what to change, where a model does not take the images or has other classes."""
    for split in (data.train, data.test):
        _, height, width, channels = split.images.shape
        size = recipe.data.size
        extents = (height, width) if size is None else (size, size)
        for variant in recipe.variants:
            model: Any = variant.model
            problem = ""
            try:
                output = model.output_shape((recipe.batch_size, channels, *extents))
            except InputError as error:
                problem = f"cannot take images of {channels} channels, {extents[0]}×{extents[1]}: {error}"
            else:
                if output != (recipe.batch_size, len(data.classes)):
                    problem = f"gives {list(output[1:])} where the images have {len(data.classes)} classes"
            if problem:
                remedy = _remedy(model, channels, len(data.classes), extents)
                raise InputError(f"variant {variant.name} {problem}; {remedy}")


def _remedy(model: Any, channels: int, classes: int, extents: tuple[int, int]) -> str:
    """What to change so that a model fits, by the names of fields."""
    wanted = {"in_channels": channels, "num_classes": classes}
    changes = [f"variants.model.{name} to {n}" for name, n in wanted.items() if getattr(model, name, n) != n]
    size = getattr(model, "image_size", None)
    if size is not None and extents != (size, size):
        changes.append(f"data.size to {size}")
    return f"set {' and '.join(changes)}" if changes else "set another data.size, or train another model"
