"""Kill a training run at random moments, start it again, and compare it with one that was left alone, bit for bit.

    python -m benchmarks.resume --kills 20

Each trial trains a small study (a network with dropout, one of residual blocks; cropped and flipped digits) in a
process of its own, kills that with SIGKILL at a moment drawn at random from the time that the whole takes, and trains
on in a second one. What is compared: the loss and learning rate of every step, what every epoch came to (but for the
seconds), and all weights, optimiser slots and native state at the end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from nlblocks import specs
from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import recipe_named
from nlblocks.training.runs import Plan, RunFolder, StudyFolder

CHECKPOINT_EVERY = 3
"""Steps: checkpoints within epochs, so that every kind of place is hit."""


def small_study(backend: str) -> Plan:
    """Two networks and two epochs: a second or two."""
    recipe = recipe_named("digits_ablation")
    models = {
        "dropout": specs.ArticleDigitNet(image_size=8, width=4, hidden=16),
        "residual": specs.AttentionResNet(in_channels=1, width=2, attention=specs.NonLocal(in_channels=8)),
    }
    variant = recipe.variants[0]
    recipe = replace(
        recipe, name="resume", variants=tuple(replace(variant, name=name, model=m) for name, m in models.items()),
        data=replace(recipe.data, size=8, crop=1, flip=True), epochs=2, batch_size=200,
    )  # fmt: skip
    return Plan(recipe=recipe, backends=(backend,), checkpoint_every=CHECKPOINT_EVERY)


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """Where two runs differ in any bit; empty where they are the same."""
    found = [
        f"{name} of step {int(np.flatnonzero(~same)[0]) + 1}"
        for name, same in _curves_same(one, other).items()
        if not same.all()
    ]
    epochs, others = ([replace(epoch, seconds=0.0) for epoch in run.epochs()] for run in (one, other))
    if epochs != others:
        found.append("epochs")
    states = [_arrays(run) for run in (one, other)]
    found += [f"{name} at the end" for name in {*states[0]} ^ {*states[1]}]
    found += [
        f"{name} at the end"
        for name in sorted({*states[0]} & {*states[1]})
        if not _same(states[0][name], states[1][name])
    ]
    return found


def _curves_same(one: RunFolder, other: RunFolder) -> dict[str, Array]:
    curves = [run.metrics() for run in (one, other)]
    if curves[0].step != curves[1].step:
        return {"number": np.zeros(1, bool)}
    pairs = {"loss": [curve.losses for curve in curves], "learning rate": [curve.rates for curve in curves]}
    return {name: a.view(np.int64) == b.view(np.int64) for name, (a, b) in pairs.items()}


def _arrays(run: RunFolder) -> dict[str, Array]:
    """All that a run's last checkpoint holds, by name."""
    found = run.state()
    if found is None:
        return {}
    state, _ = found
    slots = {f"{slot} of {name}": array for slot, kept in state.slots.items() for name, array in kept.items()}
    return {**state.weights, **slots, **state.native, "step": np.array(state.step)}


def _same(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def trial(train: Callable[[Path], None], whole: Path, folder: Path, seconds: float) -> tuple[bool, list[str]]:
    """Train into a folder, kill, train on: whether it was killed before its end, and what differs from ``whole``."""
    child = _forked(train, folder)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    _wait(_forked(train, folder))
    pairs = zip(StudyFolder(whole).runs(), StudyFolder(folder).runs(), strict=True)
    return killed, [f"{run.variant}: {what}" for run, other in pairs for what in differences(run, other)]


def _forked(train: Callable[[Path], None], folder: Path) -> int:
    """A process that trains, in which the framework is imported already."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        train(folder)
        status = 0
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def _wait(child: int) -> None:
    if os.waitpid(child, 0)[1]:
        raise InputError("resume: a process that was left alone failed; what it said is above")


def measure(backend: str, kills: int, seed: int, folder: Path) -> bool:
    """Kill and resume so many times in one framework, and say how often nothing differed."""
    plan = small_study(backend)
    batches = Batches(plan.recipe, read_data("digits"))
    next(plan.train(folder / "first step", batches))  # the framework is imported once, for all processes to come

    def train(path: Path) -> None:
        for _ in plan.train(path, batches):
            pass

    start = time.perf_counter()
    _wait(_forked(train, folder / "whole"))
    took = time.perf_counter() - start
    draw, done, same, at = random.Random(f"{seed}:{backend}"), 0, 0, 0
    while done < kills:
        at += 1
        seconds = draw.uniform(0, took)
        killed, found = trial(train, folder / "whole", folder / f"trial-{at}", seconds)
        done, same = done + killed, same + (killed and not found)
        if found:
            click.echo(f"{backend}: killed after {seconds:.2f} s: {'; '.join(found[:5])}")
    click.echo(f"{backend}: killed {done} times at random moments of {took:.1f} s; bit-equal {same} of {done}")
    return same == done


@click.command()
@click.option("--backend", "backends", multiple=True, default=("torch", "paddle"), show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(backends: tuple[str, ...], kills: int, seed: int) -> None:
    """Kill and resume a small study in each framework."""
    results = []
    for backend in backends:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(backend, kills, seed, Path(folder)))
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
