"""The recipes of the project's sources, and how a recipe is found: by name, or in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlblocks import specs
from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec, spec_from_dict
from nlblocks.training.recipes.parts import ImageData, Optimiser, Variant
from nlblocks.training.recipes.recipe import Recipe


def blog_cifar10() -> Recipe:
    """The Paddle blog's study: ResNet-18 with one more block, on CIFAR-10 at 96×96, Adam 1e-4, 30 epochs of 32."""
    return Recipe(
        name="blog_cifar10", variants=_blog(width=64, in_channels=3), data=ImageData(source="cifar10", size=96),
        optimiser=Optimiser(rule="adam", lr=1e-4), epochs=30, batch_size=32,
    )  # fmt: skip


def article_mnist() -> Recipe:
    """The study of the article about Non-local_pytorch: four affinities, on MNIST, Adam 1e-3, 10 epochs of 128."""
    modes = ("embedded_gaussian", "gaussian", "dot_product", "concatenation")
    return Recipe(
        name="article_mnist",
        variants=tuple(Variant(name=mode, model=specs.ArticleDigitNet(mode=mode)) for mode in modes),
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
        raise InputError(f"recipe {text!r} is unknown; it must be one of {known(BUILT_IN)}, or a .json file")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a recipe in JSON: {error}") from None
    found = spec_from_dict(data)
    if not isinstance(found, Recipe):
        raise InputError(f"{path} holds a {found.kind}; a recipe has kind 'recipe' (see nlblocks train NAME --show)")
    return found


def _blog(*, width: int, in_channels: int) -> tuple[Variant, ...]:
    """The blog's baseline, its four blocks, and the block of the paper that they are named after."""
    channels = 4 * width
    plain: dict[str, Any] = {"in_channels": channels, "zero_init": False}
    blocks: dict[str, BlockSpec | None] = {
        "baseline": None,
        "embedded": specs.ChannelAffinity(in_channels=channels),  # the one that the blog starts as the identity
        "no_bottleneck": specs.ChannelAffinity(inter_channels=channels, **plain),
        "gaussian": specs.ChannelAffinity(mode="gaussian", **plain),
        "dot_product": specs.ChannelAffinity(mode="dot_product", **plain),
        "non_local": specs.NonLocal(in_channels=channels),
    }
    return tuple(
        Variant(name=name, model=specs.AttentionResNet(in_channels=in_channels, width=width, attention=block))
        for name, block in blocks.items()
    )
