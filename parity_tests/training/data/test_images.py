"""What a model sees does not depend on how it is asked for: kept or made on demand, by which process or worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks import InputError
from nlblocks.specs import ArticleDigitNet, AttentionResNet
from nlblocks.training.data import Batches, images, read_data
from nlblocks.training.data.dataset import Dataset, Split
from nlblocks.training.recipes import ImageData, Recipe, recipe_named
from nlblocks.training.running import Options, trainer_of
from parity_tests.helpers.blocks import Require
from parity_tests.training.data import made


def recipe_of(**fields: Any) -> Recipe:
    plain = recipe_named("digits_ablation")
    data = {name: fields.pop(name) for name in ("size", "flip", "crop", "mean", "std", "source") if name in fields}
    return replace(plain, data=replace(plain.data, **data), **{"batch_size": 8, "epochs": 1, **fields})


def variant(name: str, model: Any) -> Any:
    return replace(recipe_named("digits_ablation").variants[0], name=name, model=model)


def data_of(count: int = 40, shape: tuple[int, ...] = (8, 8, 1)) -> Dataset:
    train, test = made.some(count, *shape), made.some(11, *shape, seed=1)
    return Dataset(train=Split(*train), test=Split(*test), classes=tuple("0123456789"))


def seen(batches: Batches, epoch: int = 1) -> list[Any]:
    """All that a model sees in an epoch, and in its tests."""
    steps = batches.steps(epoch)
    tests = [(batch.images, batch.labels) for batch in batches.testing()]
    return [array for batch in [*(steps[n] for n in range(len(steps))), *tests] for array in batch]


def same(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


def test_images_that_are_resized_on_demand_are_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, data = recipe_of(size=24, flip=True, crop=2), data_of(shape=(8, 9, 1))
    kept = Batches(recipe, data)
    assert isinstance(kept.train.images, np.ndarray)
    monkeypatch.setattr(images, "AT_ONCE", 0)
    made_on_demand = Batches(recipe, data)
    assert isinstance(made_on_demand.train.images, images.Resized)
    assert same(seen(kept), seen(made_on_demand))


def test_cifar10_at_96_is_not_kept_in_memory() -> None:
    """50,000 images of 96×96 would take 1.4 GB."""
    pixels = np.broadcast_to(np.uint8(0), (50_000, 32, 32, 3))
    found = images.prepared(Split(pixels, np.zeros(50_000, np.int64)), recipe_named("blog_cifar10").data)
    assert isinstance(found.images, images.Resized)
    assert found.images[np.array([7, 9])].shape == (2, 96, 96, 3)


def test_images_of_the_right_size_are_taken_as_they_are() -> None:
    pixels, labels = made.some(4, 8, 6, 3)
    assert images.prepared(Split(pixels, labels), ImageData()).images is pixels
    square, labels = made.some(4, 8, 8, 3)
    assert images.prepared(Split(square, labels), ImageData(size=8)).images is square


def test_resizing_is_bilinear_between_pixel_centres() -> None:
    pixels = np.array([[0, 100], [200, 250]], np.uint8)[..., None]
    found = images.resized(pixels, 4)[..., 0].tolist()
    assert found[0] == [0, 25, 75, 100]  # a quarter and three quarters of the way between the two centres
    assert [row[0] for row in found] == [0, 50, 150, 200]
    stack, _ = made.some(5, 7, 4, 3)
    assert np.array_equal(images.resized(stack, 9), np.stack([images.resized(image, 9) for image in stack]))


@pytest.mark.parametrize("size", [6, 15, 128, 900])
def test_resizing_is_exact_and_a_half_goes_to_the_even_value(size: int) -> None:
    """In whole numbers of 1 / (2 · size)²: also where the work is done in float32 (up to 128), and in float64."""
    (pixels,), _ = made.some(1, 10, 5, 1)

    def shares(extent: int) -> Any:  # [size, extent]: how much of each pixel, in 1 / (2 · size)
        centres = (2 * np.arange(size) + 1) * extent
        distance = np.abs(np.clip(centres, size, size * (2 * extent - 1))[:, None] - (2 * np.arange(extent) + 1) * size)
        return np.maximum(0, 2 * size - distance)

    value, rest = np.divmod(shares(10) @ pixels[..., 0].astype(np.int64) @ shares(5).T, 4 * size**2)
    value += (rest > 2 * size**2) | ((rest == 2 * size**2) & (value % 2 == 1))
    assert np.array_equal(images.resized(pixels, size)[..., 0], value)


def test_the_blogs_images_lie_between_minus_one_and_one() -> None:
    pixels = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=3)
    found = images.prepared(Split(pixels, np.zeros(1, np.int64)), replace(recipe_named("blog_cifar10").data, size=None))
    assert found.normalised(pixels[0]).tolist() == [[[-1.0, 1.0]]] * 3


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batches_that_one_would_see(world: int) -> None:
    recipe, data = recipe_of(size=12, flip=True, crop=2), data_of()
    alone = Batches(recipe, data)
    whole = alone.steps(3)
    for rank in range(world):
        shares = Batches(recipe, data, rank=rank, world=world).steps(3)
        assert len(shares) == len(whole) == alone.steps_per_epoch
        for step in range(len(whole)):
            images, labels = shares[step]
            assert images.tobytes() == whole[step][0][rank::world].tobytes()
            assert labels.tolist() == whole[step][1][rank::world].tolist()


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_any_number_of_workers_prepares_the_same_batches(backend: str, require: Require) -> None:
    require(backend)
    recipe, batches = recipe_of(size=12, flip=True, crop=2), Batches(recipe_of(size=12, flip=True, crop=2), data_of())
    expected = seen(batches)[: 2 * batches.steps_per_epoch]
    for workers in (0, 2):
        trainer = trainer_of(backend, recipe, recipe.variants[0].model, Options(device="cpu", workers=workers))
        assert same([tensor.numpy() for batch in trainer.loader(batches, 1, 0) for tensor in batch], expected)


def test_another_seed_or_epoch_is_another_order_and_other_draws() -> None:
    recipe, data = recipe_of(flip=True, crop=2, size=12), data_of()
    plain = seen(Batches(recipe, data))
    assert same(plain, seen(Batches(recipe, data)))
    assert not same(plain, seen(Batches(replace(recipe, seed=1), data)))
    assert not same(plain, seen(Batches(recipe, data), epoch=2))


FITS = {
    "channels": (
        {}, (8, 8, 3), 10,
        "variant baseline cannot take images of 3 channels, 12×12: .*it must have 1.*; "
        "set variants.model.in_channels to 3",
    ),
    "classes": (
        {}, (8, 8, 1), 4, r"baseline gives \[10\] where the images have 4 classes; set variants.model.num_classes to 4",
    ),
    "both": ({}, (8, 8, 3), 4, "set variants.model.in_channels to 3 and variants.model.num_classes to 4"),
    "size": (
        {"variants": (variant("article", ArticleDigitNet(width=4)),)}, (8, 8, 1), 10,
        "variant article cannot take images of 1 channels, 12×12: .*; set data.size to 28",
    ),
    "too many in a batch": ({"batch_size": 41}, (8, 8, 1), 10, "batch_size=41 is more than the 40 training images"),
    "means": ({"mean": (0.5, 0.5)}, (8, 8, 1), 10, "must have 1 or 1 values"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FITS)
def test_a_model_that_does_not_fit_the_images_is_refused_with_what_to_change(fault: str) -> None:
    fields, shape, classes, message = FITS[fault]
    plain = data_of(shape=shape)
    data = Dataset(
        train=Split(plain.train.images, plain.train.labels % classes),
        test=Split(plain.test.images, plain.test.labels % classes),
        classes=tuple("0123456789"[:classes]),
    )
    variants = (variant("baseline", AttentionResNet(in_channels=1, width=4)),)
    with pytest.raises(InputError, match=message) as caught:
        Batches(recipe_of(**{"size": 12, "variants": variants, **fields}), data)
    assert "\n" not in str(caught.value)


def test_images_of_two_extents_fit_where_a_model_takes_any(tmp_path: Path) -> None:
    made.image_folder(tmp_path, ((9, 8),))
    model = AttentionResNet(width=4, num_classes=2)
    recipe = recipe_of(size=None, batch_size=2, variants=(variant("baseline", model),))
    (batch,) = [Batches(recipe, read_data("folder", tmp_path)).batch(0, np.array([0, 1]))]
    assert batch.images.shape == (2, 3, 8, 9)
