"""A run: one model of a recipe, trained in one framework and tested after every epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlblocks.training.data import Batches
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of training that is done.

    ``step`` counts the steps of the run with this one; ``loss`` is a tensor, to be read where its number is needed;
    ``seconds`` are those of the epoch so far.
    """

    step: int
    loss: Any
    lr: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to, by the end of ``step`` steps of the run.

    ``loss`` is the mean of its steps, ``test_loss`` that of the test images, ``top1`` and ``top5`` their shares right,
    ``seconds`` those of training. Epochs count from 0.
    """

    epoch: int
    step: int
    loss: float
    test_loss: float
    top1: float
    top5: float
    seconds: float


def run(
    trainer: Trainer, recipe: Recipe, batches: Batches, *, losses: Sequence[float] = (), seconds: float = 0.0
) -> Iterator[Step | Epoch]:
    """Train to the end of the recipe, from where the trainer stands: each step as it is done, and each epoch.

    Of a trainer that stands within an epoch, ``losses`` are those of the epoch's steps so far, and ``seconds`` theirs.
    Of several processes the first tests the model; to the others an epoch is its steps.
    """
    per_epoch = batches.steps_per_epoch
    step = trainer.state().step
    so_far: list[Any] = list(losses)
    for epoch in range(step // per_epoch, recipe.epochs):
        start = time.perf_counter() - seconds
        for images, labels in trainer.loader(batches, epoch, step % per_epoch):
            lr = recipe.learning_rate(step, per_epoch)
            loss = trainer.step(images, labels, lr=lr, seed=batches.step_seed(step))
            so_far.append(loss)
            step += 1
            yield Step(step=step, loss=loss, lr=lr, seconds=time.perf_counter() - start)
        if batches.rank:
            continue
        mean = float(np.mean([float(value) for value in so_far]))
        took = time.perf_counter() - start
        yield Epoch(epoch=epoch, step=step, loss=mean, seconds=took, **tested(trainer, batches))
        so_far, seconds = [], 0.0


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
