"""A run: one model of a recipe, trained in one framework and tested after every epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nlblocks.init import generator
from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running.trainer import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to: mean loss of its steps, loss and shares right of the test images, seconds of training."""

    epoch: int
    loss: float
    test_loss: float
    top1: float
    top5: float
    seconds: float


def run(trainer: Trainer, recipe: Recipe, batches: Batches) -> Iterator[Epoch]:
    """Train to the end of the recipe, from where the trainer stands; what each epoch came to, as it comes."""
    per_epoch = batches.steps_per_epoch
    step = trainer.state().step
    for epoch in range(step // per_epoch, recipe.epochs):
        losses = []
        start = time.perf_counter()
        for images, labels in trainer.loader(batches, epoch, step % per_epoch):
            lr = recipe.learning_rate(step, per_epoch)
            losses.append(trainer.step(images, labels, lr=lr, seed=step_seed(recipe, step)))
            step += 1
        loss = float(np.mean([float(value) for value in losses]))
        seconds = time.perf_counter() - start
        yield Epoch(epoch=epoch, loss=loss, seconds=seconds, **tested(trainer, batches))


def tested(trainer: Trainer, batches: Batches) -> dict[str, float]:
    """Loss, top-1 and top-5 of a model on the test images; of fewer than 5 classes, top-5 is 1."""
    loss, top1, top5, count = 0.0, 0, 0, 0
    for batch in batches.testing():
        logits = trainer.logits(batch.images).astype(np.float64)
        own = np.take_along_axis(logits, batch.labels[:, None], 1)
        largest = logits.max(1, keepdims=True)
        loss += float((largest[:, 0] + np.log(np.exp(logits - largest).sum(1)) - own[:, 0]).sum())
        above = (logits > own).sum(1)
        top1, top5, count = top1 + int((above < 1).sum()), top5 + int((above < 5).sum()), count + len(own)
    return {"test_loss": loss / count, "top1": top1 / count, "top5": top5 / count}


def step_seed(recipe: Recipe, step: int) -> int:
    """The seed of what a step draws: a run that goes on draws what an uninterrupted one does."""
    return int(generator(recipe.seed, f"step:{step}").integers(2**31))
