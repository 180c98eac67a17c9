"""``python -m benchmarks.training_overhead``: a recipe's training beside the loop that a user would write by hand.

Both train the same network, with the same optimiser, on the same images in memory, an epoch each in turn in one
process per framework; who goes first alternates. "ratio" is ours over the hand-written one of the same round: the
median of the rounds, and the middle half of them. The hand-written loop is what the framework's own guide shows: a
shuffling DataLoader over a TensorDataset, forward, loss, backward, step. Ours draws its order, its dropout and its
learning rate from the recipe besides.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

import nlblocks
from nlblocks.specs import BlockSpec
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import Recipe, recipe_named
from nlblocks.training.running import trainer_of

Loop = Callable[[], float]
"""Trains an epoch, and says its mean loss."""
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@click.command()
@click.option("--backends", default="torch,paddle", show_default=True)
@click.option("--recipe", default="digits_ablation", show_default=True)
@click.option("--variant", help="One of the recipe's models; its first one unless given.")
@click.option("--rounds", default=20, show_default=True)
@click.option("--threads", default=1, show_default=True, help="Threads of the framework.")
@click.option(
    "--clock", type=click.Choice(list(CLOCKS)), default="wall", show_default=True,
    help="cpu (with --threads 1) is the honest clock on a machine that others use too.",
)  # fmt: skip
@click.option("--one", is_flag=True, hidden=True)
def main(backends: str, recipe: str, variant: str | None, rounds: int, threads: int, clock: str, one: bool) -> None:
    """The time of a recipe's training over that of a loop written by hand."""
    if one:
        found = recipe_named(recipe)
        model = found.variant(variant).model if variant else found.variants[0].model
        click.echo(json.dumps(measured(backends, found, model, rounds, CLOCKS[clock])))
        return
    table = Table("framework", "ours, ms a step", "by hand", "ratio", "middle half", box=None)
    for backend in backends.split(","):
        command = [sys.executable, "-m", "benchmarks.training_overhead", "--one", "--backends", backend]
        command += ["--recipe", recipe, "--rounds", str(rounds), "--clock", clock]
        command += ["--variant", variant] if variant else []
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        times = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
        ratios = [ours / hand for ours, hand in zip(times["ours"], times["hand"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        figures = (f"{statistics.median(times[name]) * 1e3:.2f}" for name in ("ours", "hand"))
        table.add_row(backend, *figures, f"{middle:.3f}", f"{low:.3f} to {high:.3f}")
    Console().print(table)


def measured(
    backend: str, recipe: Recipe, model: BlockSpec, rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds a step of ours and of the hand-written loop, by round, after a round of each that does not count."""
    warnings.simplefilter("ignore")
    batches = Batches(recipe, read_data(recipe.data.source))
    loops = {"ours": ours(backend, recipe, model, batches), "hand": HANDS[backend](recipe, model, batches)}
    times: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(rounds + 1):
        for name in loops if turn % 2 else reversed(loops):
            start = clock()
            loops[name]()
            times[name].append((clock() - start) / batches.steps_per_epoch)
    return {name: values[1:] for name, values in times.items()}


def ours(backend: str, recipe: Recipe, model: BlockSpec, batches: Batches) -> Loop:
    """An epoch as :mod:`nlblocks.training.runs` goes through it."""
    trainer = trainer_of(backend, recipe, model)
    step = 0

    def epoch() -> float:
        nonlocal step
        losses = []
        for images, labels in trainer.loader(batches, step // batches.steps_per_epoch, 0):
            lr = recipe.learning_rate(step, batches.steps_per_epoch)
            losses.append(trainer.step(images, labels, lr=lr, seed=batches.step_seed(step)))
            step += 1
        return float(np.mean([float(loss) for loss in losses]))

    return epoch


def torch_by_hand(recipe: Recipe, model: BlockSpec, batches: Batches) -> Loop:
    """What a torch user writes."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    network = nlblocks.build(model, backend="torch", seed=recipe.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.optimiser.lr)
    data = TensorDataset(*map(torch.from_numpy, _all(batches)))

    def epoch() -> float:
        network.train()
        losses = []
        for images, labels in DataLoader(data, recipe.batch_size, shuffle=True, drop_last=True):
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return float(np.mean([float(loss) for loss in losses]))

    return epoch


def paddle_by_hand(recipe: Recipe, model: BlockSpec, batches: Batches) -> Loop:
    """What a Paddle user writes."""
    import paddle
    from paddle.io import DataLoader, TensorDataset

    network = nlblocks.build(model, backend="paddle", seed=recipe.seed)
    optimiser = paddle.optimizer.Adam(recipe.optimiser.lr, parameters=network.parameters())
    data = TensorDataset([paddle.to_tensor(array) for array in _all(batches)])

    def epoch() -> float:
        network.train()
        losses = []
        for images, labels in DataLoader(data, batch_size=recipe.batch_size, shuffle=True, drop_last=True):
            loss = paddle.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimiser.step()
            optimiser.clear_grad()
            losses.append(loss.detach())
        return float(np.mean([float(loss) for loss in losses]))

    return epoch


HANDS: dict[str, Any] = {"torch": torch_by_hand, "paddle": paddle_by_hand}


def _all(batches: Batches) -> tuple[Any, Any]:
    """All training images, [N, C, H, W] float32, and their labels [N]."""
    batch = batches.batch(0, np.arange(len(batches.train)))
    return batch.images, batch.labels


if __name__ == "__main__":
    main()
