"""What a training run is, as data: models, images, optimiser, schedule, seeds; JSON there and back."""

from nlblocks.training.recipes.builtin import recipe_named, recipe_names
from nlblocks.training.recipes.parts import ImageData
from nlblocks.training.recipes.recipe import Recipe

__all__ = ["ImageData", "Recipe", "recipe_named", "recipe_names"]
