"""nlblocks train: which recipe, with which fields, as a user types it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlblocks.specs.base import spec_from_dict
from nlblocks.training.recipes import Recipe, recipe_named, recipe_names
from parity_tests.helpers.command_line import call

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")


def shown(*words: str) -> Recipe:
    result = call("train", *words, "--show")
    assert result.exit_code == 0, result.output
    recipe: Recipe = spec_from_dict(json.loads(result.output))
    return recipe


def test_the_list_names_every_recipe_and_its_models() -> None:
    result = call("train", "--list")
    assert result.exit_code == 0, result.output
    for name in recipe_names():
        assert name in result.output
    for word in ("baseline", "dot_product", "concatenation", "cifar10"):
        assert word in result.output


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_shown_is_a_file_that_can_be_given_back(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(call("train", name, "--show", "--epochs", "3").output)
    assert shown(str(file)) == replace(recipe_named(name), epochs=3)


def test_fields_are_set_by_path_or_by_name() -> None:
    recipe = shown(
        "--epochs", "2", "digits_ablation", "--batch-size=64", "--lr", "1e-3", "--optimiser.rule", "sgd", "--momentum",
        "0.9", "--nesterov", "true", "--data.size", "24", "--mean", "0.25", "--std", "[0.5]", "--clip", "1",
        "--shape", "cosine", "--groups", '{"kind": "parameter_group", "pattern": "stem.*", "frozen": true}',
    )  # fmt: skip
    plain = recipe_named("digits_ablation")
    assert recipe.variants == plain.variants
    assert (recipe.epochs, recipe.batch_size) == (2, 64)
    assert recipe.optimiser == replace(plain.optimiser, rule="sgd", lr=1e-3, momentum=0.9, nesterov=True, clip=1.0)
    assert recipe.data == replace(plain.data, size=24, mean=(0.25,), std=(0.5,))
    assert recipe.schedule == replace(plain.schedule, shape="cosine")
    assert [(group.pattern, group.frozen) for group in recipe.groups] == [("stem.*", True)]
    assert shown("digits_ablation", "--size", "none").data.size is None


def test_a_field_of_the_models_is_set_in_all_that_have_it_or_in_one() -> None:
    models: list[Any] = [v.model for v in shown("digits_ablation", "--num-classes", "4").variants]
    assert {model.num_classes for model in models} == {4}
    words = ("--variants.model.attention.mode", "dot_product", "--baseline.model.num-classes", "3")
    baseline, *others = [v.model for v in shown("digits_ablation", *words, "--variants.gaussian.name", "g").variants]
    plain = recipe_named("digits_ablation")
    assert baseline == replace(plain.variants[0].model, num_classes=3)  # type: ignore[call-arg]
    assert {model.attention.mode for model in others} == {"dot_product"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train", "name one recipe or .json file; nlblocks train --list"),
        ("train article_mnist blog_cifar10", "name one recipe or .json file, not article_mnist blog_cifar10"),
        ("train nope", "recipe 'nope' is unknown; it must be one of 'digits_ablation', 'blog_cifar10'"),
        ("train nope.json", "nope.json is not a spec in JSON: No such file or directory"),
        ("train digits_ablation --epochs", "--epochs has no value; write --epochs VALUE"),
        ("train digits_ablation --epochs 0", "Recipe: epochs=0 must be at least 1"),
        ("train digits_ablation --epochs two", "Recipe: epochs='two' must be an int"),
        ("train digits_ablation --epochs 2 --epochs 3", "--epochs is given twice"),
        ("train digits_ablation --epoch 2", "--epoch is no option and no field; the nearest are --epochs"),
        ("train digits_ablation --xyz 2", "--xyz is no option and no field; there are --name, --variants.name, "),
        ("train digits_ablation --optimizer.rule sgd", "the nearest are --optimiser.rule"),
        ("train digits_ablation --in-channels 3", "may be --variants.model.in-channels, --variants.model.attention.in"),
        ("train digits_ablation --schedule cosine", "it holds a spec; its fields are --schedule.shape, "),
        ("train digits_ablation --optimiser none --lr 1", "--optimiser holds --optimiser.lr; give one of them"),
        ("train digits_ablation --rule lion", "Optimiser: rule='lion' must be one of 'sgd', 'adam', 'adamw'"),
        ('train digits_ablation --optimiser {"kind":"adam"}', "Recipe: optimiser: kind='adam' is unknown; it must be"),
        (
            'train digits_ablation --groups [{"kind":"parameter_group","pattern":"stage1.*"}]',
            "Group: pattern='stage1.*' matches no parameter of any model, such as stem.conv.weight",
        ),
        ("train digits_ablation --device tpu", "Options: device='tpu' must be one of 'auto', 'cpu', 'gpu'"),
        ("train digits_ablation --variant gausian", "has no variant 'gausian'; it must be one of 'baseline', "),
    ],
)
def test_bad_words_are_one_line(words: str, message: str) -> None:
    result = call(*words.split())
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_recipes_are_no_parts_of_blocks(tmp_path: Path) -> None:
    """Neither what an option takes, nor what an error says there is, depends on whether training is imported."""
    result = call("show", "non_local", "--in-channels", "4", "--norm", "optimiser")
    assert "NonLocal: norm='optimiser' must be a BatchNorm or None" in result.output
    assert "recipe" not in call("verify", "--kind", "nope").output
    file = tmp_path / "recipe.json"
    for data in (recipe_named("digits_ablation").to_dict(), {"kind": "nope"}):
        file.write_text(json.dumps(data))
        said = call("verify", "--spec", str(file)).output
        assert f"recipe.json: kind={data['kind']!r} is" in said
        assert "it must be one of 'article_digit_net'" in said
        assert "image_data" not in said
    part = {"kind": "non_local", "in_channels": 4, "norm": {"kind": "schedule"}}
    file.write_text(json.dumps(part))
    said = call("verify", "--spec", str(file)).output
    assert "NonLocal: norm: kind='schedule' is another spec; it must be 'batch_norm'" in said


@pytest.mark.parametrize(
    ("there", "words", "message"),
    [
        (
            ["torch"],
            "--lockstep",
            "--lockstep trains in torch and paddle side by side; of them torch alone is installed",
        ),
        (["torch"], "--backend both", "--backend both: paddle is not installed; installed: torch"),
        (["torch"], "--source mnist", "where the images of mnist lie must be said"),  # it goes on with the one
        (["reference"], "", "training needs torch or paddle"),
    ],
)
def test_what_is_not_named_is_what_is_installed(
    there: list[str], words: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlblocks.commands.train.installed", lambda: there)
    result = call("train", "digits_ablation", *words.split())
    assert result.exit_code == 2
    assert message in result.output
