"""Batches: what a model sees at each step. It depends on the recipe alone, not on framework, workers or processes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.training.data.dataset import Dataset, Labels
from nlblocks.training.data.fitting import check_fit
from nlblocks.training.data.images import augmented, prepared
from nlblocks.training.recipes import Recipe

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Images [B, C, H, W] as a model takes them, float32, and the label of each [B], int64."""

    images: NDArray[np.float32]
    labels: Labels


class Batches:
    """The batches of a recipe over a dataset; process ``rank`` of ``world`` gets its share of each batch.

    Sample i of epoch e is the same image, cropped and flipped the same, however it is asked for. A batch is dealt to
    processes in turn: rank r gets its elements r, r + world, and so on.
    """

    def __init__(self, recipe: Recipe, data: Dataset, *, rank: int = 0, world: int = 1) -> None:
        size = recipe.batch_size
        if size > len(data.train):
            raise InputError(f"batch_size={size} is more than the {len(data.train)} training images")
        check_fit(recipe, data)
        self.recipe, self.rank, self.world, self.classes = recipe, rank, world, data.classes
        self.train = prepared(data.train, recipe.data)
        self.test = prepared(data.test, recipe.data)
        self.steps_per_epoch = len(data.train) // size

    def order(self, epoch: int) -> Indices:
        """The order of the training images in an epoch, counted from 0: [steps · batch_size]."""
        order = generator(self.recipe.seed, f"order:{epoch}").permutation(len(self.train))
        return order[: self.steps_per_epoch * self.recipe.batch_size]

    def step_seed(self, step: int) -> int:
        """The seed of what this process draws in a step, such as dropout: a run that goes on draws the same."""
        own = f":{self.rank}" if self.rank else ""
        return int(generator(self.recipe.seed, f"step:{step}{own}").integers(2**31))

    def of(self, recipe: Recipe, *, rank: int = 0, world: int = 1) -> Batches:
        """The batches of a recipe that trains on the same images, such as one with another seed, or a share of them."""
        found = copy.copy(self)
        found._deal(recipe, rank, world)
        return found

    def _deal(self, recipe: Recipe, rank: int, world: int) -> None:
        if recipe.batch_size % world:
            raise InputError(f"batch_size={recipe.batch_size} must be a multiple of the {world} processes")
        self.recipe, self.rank, self.world = recipe, rank, world

    def batch(self, epoch: int, indices: Indices) -> Batch:
        """Some training images together, as a model sees them in an epoch: each augmented by a stream of its own."""
        spec, images = self.recipe.data, self.train.images[indices]
        if spec.crop or spec.flip:
            streams = (generator(self.recipe.seed, f"augment:{epoch}:{index}") for index in indices)
            images = np.stack([augmented(image, spec, stream) for image, stream in zip(images, streams, strict=True)])
        return Batch(self.train.normalised(images), self.train.labels[indices])

    def steps(self, epoch: int, start: int = 0) -> Steps:
        """The batches of an epoch from step ``start`` on."""
        return Steps(self, epoch, start)

    def testing(self, size: int | None = None) -> Iterator[Batch]:
        """The test images in order, the last batch as large as what is left."""
        size = size or self.recipe.batch_size
        for start in range(0, len(self.test), size):
            images = self.test.images[start : start + size]
            yield Batch(self.test.normalised(images), self.test.labels[start : start + size])


class Steps:
    """What a process sees in an epoch, step by step: images [B, C, H, W] and labels [B]. A loader asks in any order."""

    def __init__(self, batches: Batches, epoch: int, start: int) -> None:
        self.batches, self.epoch = batches, epoch
        order = batches.order(epoch).reshape(batches.steps_per_epoch, -1)  # [steps, batch_size]
        self.indices = order[start:, batches.rank :: batches.world]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, step: int) -> tuple[NDArray[np.float32], Labels]:
        batch = self.batches.batch(self.epoch, self.indices[step])
        return batch.images, batch.labels
