"""The recipes that come with the package are the studies of the project's sources."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from nlblocks import specs
from nlblocks.specs.base import spec_from_dict
from nlblocks.training.recipes import Recipe, recipe_named, recipe_names
from nlblocks.weights import dialects


@pytest.mark.parametrize("name", recipe_names())
def test_json_there_and_back(name: str) -> None:
    recipe = recipe_named(name)
    assert recipe.name == name
    assert spec_from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert recipe.variants[0].name == "baseline"


def test_the_blog_trains_its_own_networks_as_it_does() -> None:
    recipe, blog = recipe_named("blog_cifar10"), dialects.get("paddle_blog")
    assert (recipe.data.source, recipe.data.size, recipe.batch_size, recipe.epochs) == ("cifar10", 96, 32, 30)
    assert (recipe.optimiser.rule, recipe.optimiser.lr, recipe.optimiser.weight_decay) == ("adam", 1e-4, 0.0)
    assert (recipe.data.mean, recipe.data.std, recipe.data.flip, recipe.data.crop) == ((0.5,), (0.5,), False, 0)
    models: dict[str, Any] = {variant.name: variant.model for variant in recipe.variants}
    assert models.pop("non_local").attention == specs.NonLocal(in_channels=256)
    assert models.pop("baseline") == blog.spec("ResNet")
    assert list(models.values()) == [
        blog.spec("ResNetNonLocal", block=block)
        for block in ("EmbeddedGaussion", "EmbeddedGaussionNoBottleNeck", "VanillaGaussion", "DotProduction")
    ]


def test_the_article_compares_four_modes_with_a_network_without_the_block() -> None:
    recipe = recipe_named("article_mnist")
    assert (recipe.data.source, recipe.batch_size, recipe.epochs) == ("mnist", 128, 10)
    assert (recipe.optimiser.rule, recipe.optimiser.lr) == ("adam", 1e-3)
    assert [variant.model for variant in recipe.variants] == [
        specs.ArticleDigitNet(mode=mode)
        for mode in ("none", "embedded_gaussian", "gaussian", "dot_product", "concatenation")
    ]


def test_the_digits_are_learned_by_the_blogs_networks_an_eighth_as_wide() -> None:
    small, blog = recipe_named("digits_ablation"), recipe_named("blog_cifar10")
    assert [variant.name for variant in small.variants] == [variant.name for variant in blog.variants]
    for variant, full in zip(small.variants, blog.variants, strict=True):
        model: Any = variant.model
        assert (model.width, model.in_channels) == (8, 1)
        shape, wide = (1, 1, 32, 32), replace(full.model, in_channels=1)  # type: ignore[call-arg]
        ratio = {size[1] // own[1] for size, own in zip(_maps(wide, shape), _maps(model, shape), strict=True)}
        assert ratio <= {1, 8}  # a map over positions stays, one over channels has an eighth of them


def _maps(model: Any, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(model.attention_shapes(shape).values())


def test_what_is_no_recipe_is_said_in_a_line(tmp_path: Any) -> None:
    from nlblocks import InputError

    with pytest.raises(InputError, match=r"'nope' is unknown; it must be one of 'digits_ablation'.*, or a \.json file"):
        recipe_named("nope")
    file = tmp_path / "block.json"
    file.write_text(json.dumps(specs.NonLocal(in_channels=4).to_dict()))
    with pytest.raises(InputError, match=r"block\.json: kind='non_local' is another spec; it must be 'recipe'"):
        recipe_named(str(file))
    file.write_text("{")
    with pytest.raises(InputError, match="is not a spec in JSON"):
        recipe_named(str(file))
    assert isinstance(recipe_named("article_mnist"), Recipe)
