"""The recipes of the project's sources, and how a recipe is found: by name, or in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from nlblocks import specs
from nlblocks.errors import InputError, known, meant
from nlblocks.specs.non_local import MODES, Mode
from nlblocks.specs.reading import spec_in_file
from nlblocks.training.recipes.parts import ImageData, Optimiser, Variant
from nlblocks.training.recipes.recipe import Recipe
from nlblocks.weights import dialects

BLOG_BLOCKS = {
    "embedded": "EmbeddedGaussion", "no_bottleneck": "EmbeddedGaussionNoBottleNeck", "gaussian": "VanillaGaussion",
    "dot_product": "DotProduction",
}  # fmt: skip
"""The blog's classes, by what they are called here."""


def blog_cifar10() -> Recipe:
    """The Paddle blog's study: ResNet-18 with one more block, on CIFAR-10 at 96×96, Adam 1e-4, 30 epochs of 32."""
    return Recipe(
        name="blog_cifar10", variants=_blog(), data=ImageData(source="cifar10", size=96),
        optimiser=Optimiser(rule="adam", lr=1e-4), epochs=30, batch_size=32,
    )  # fmt: skip


def article_mnist() -> Recipe:
    """The study of the article about Non-local_pytorch: four affinities, on MNIST, Adam 1e-3, 10 epochs of 128."""
    modes: dict[str, Mode | Literal["none"]] = {"baseline": "none", **{mode: mode for mode in MODES}}
    return Recipe(
        name="article_mnist",
        variants=tuple(Variant(name=name, model=specs.ArticleDigitNet(mode=mode)) for name, mode in modes.items()),
        data=ImageData(source="mnist", mean=(0.1307,), std=(0.3081,)),
        optimiser=Optimiser(rule="adam", lr=1e-3), epochs=10, batch_size=128,
    )  # fmt: skip


def digits_ablation() -> Recipe:
    """The blog's networks, an eighth as wide, on scikit-learn's digits at 32×32: real data, no download, minutes."""
    return Recipe(
        name="digits_ablation", variants=_blog(width=8, in_channels=1), data=ImageData(source="digits", size=32),
        optimiser=Optimiser(rule="adam", lr=1e-3), epochs=6, batch_size=32,
    )  # fmt: skip


BUILT_IN: dict[str, Callable[[], Recipe]] = {
    found.__name__: found for found in (digits_ablation, blog_cifar10, article_mnist)
}


def recipe_names() -> dict[str, str]:
    """The recipes that come with the package, and what each is, in a line."""
    return {name: (make.__doc__ or "").strip() for name, make in BUILT_IN.items()}


def recipe_named(text: str) -> Recipe:
    """The recipe of a name, or in a JSON file. Raises InputError, in one line, for neither."""
    if text in BUILT_IN:
        return BUILT_IN[text]()
    path = Path(text)
    if path.suffix != ".json":
        hint = meant(text, BUILT_IN)
        raise InputError(f"recipe {text!r} is unknown; it must be one of {known(BUILT_IN)}, or a .json file{hint}")
    recipe: Recipe = spec_in_file(path, Recipe)
    return recipe


def _blog(**fields: Any) -> tuple[Variant, ...]:
    """The blog's baseline, its four networks, and one with the block of the paper that theirs are named after.

    ``fields``, such as a width, are given to each network, whose block follows.
    """
    blog = dialects.get("paddle_blog")
    found = {"baseline": blog.spec("ResNet")}
    found |= {name: blog.spec("ResNetNonLocal", block=block) for name, block in BLOG_BLOCKS.items()}
    models = {name: _fitted(cast(specs.AttentionResNet, model), **fields) for name, model in found.items()}
    baseline = models["baseline"]
    models["non_local"] = replace(baseline, attention=specs.NonLocal(in_channels=baseline.extra_channels))
    return tuple(Variant(name=name, model=model) for name, model in models.items())


def _fitted(model: specs.AttentionResNet, **fields: Any) -> specs.AttentionResNet:
    """A network with other fields, and its block as wide as they make its place."""
    channels = replace(model, attention=None, **fields).extra_channels
    block: Any = model.attention
    if block is not None:
        inner = block.inter_channels and block.inter_channels * channels // block.in_channels
        block = replace(block, in_channels=channels, inter_channels=inner)
    return replace(model, attention=block, **fields)
