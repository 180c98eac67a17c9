"""Begin a training in one framework, go on in the other, and hold it against one that stayed and against its nudges.

    python -m benchmarks.handover

The blog's baseline at width 8 on the digits (digits_ablation), handed over half-way: its weights, running statistics
and Adam's moments go through the run's folder. A nudged run stays in its framework, but starts from weights that are
moved by one unit in the last place. What is measured: how far the losses of all steps, and all weights at the end, are
from those of the run that stayed; the weights in units of the largest of all, and apart from them what no gradient but
rounding moves (a bias before a norm, of whose rounding Adam makes steps) and the running statistics, which follow it.
By the rule of the whole library, what is within RATIO of what nudges do is rounding.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from nlblocks.numerics import NoiseFloor, tolerance
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import Recipe, recipe_named
from nlblocks.training.running import Options, trainer_of
from nlblocks.training.runs import Plan, RunFolder

WAYS = (("paddle", "torch"), ("torch", "paddle"))
MEASURED = "losses", "weights", "what rounding alone moves"
Drift = tuple[float, float, float]
"""How far each of these is apart."""


def trained(folder: Path, recipe: Recipe, batches: Batches, backend: str, source: RunFolder | None = None) -> RunFolder:
    """A run in a folder of its own, to its end; from where ``source`` stands, if there is one."""
    for run, _ in Plan(recipe=recipe, backends=(backend,), source=source).train(folder, batches):
        found = run
    return found


def nudged(folder: Path, recipe: Recipe, backend: str, trial: int) -> RunFolder:
    """A run that has taken no step, its weights moved by one unit in the last place."""
    state = trainer_of(backend, recipe, recipe.variants[0].model, Options()).state()
    weights = {name: NoiseFloor.nudged(array, trial, name) for name, array in state.weights.items()}
    found = RunFolder.begin(folder, recipe, backend)
    found.keep(replace(state, weights=weights), 0.0)
    return found


def drift(run: RunFolder, stayed: RunFolder) -> Drift:
    """How far a run's losses and last weights are from another's."""
    losses = np.abs(run.metrics().losses - stayed.metrics().losses).max()
    held, others = run.weights(), stayed.weights()
    learned = learning(stayed)
    largest = max(float(np.abs(others[name]).max()) for name in learned)
    apart = {name: float(np.abs(held[name] - other).max()) / largest for name, other in others.items()}
    rest = max((apart[name] for name in others if name not in learned), default=0.0)
    return float(losses), max(apart[name] for name in learned), rest


def learning(run: RunFolder) -> set[str]:
    """The weights of a run of Adam whose gradients are more than rounding: more than MODEL_LIMIT of the largest."""
    found = run.state()
    assert found is not None
    sizes = {name: float(np.abs(m).max()) for name, m in found[0].slots["m"].items()}
    return {name for name, size in sizes.items() if size > tolerance.MODEL_LIMIT * max(sizes.values())}


def measure(first: str, then: str, whole: Recipe, nudges: int, folder: Path) -> bool:
    """Whether what parts a run that is handed over is rounding; says how far it drifts, and how far nudged ones."""
    half = replace(whole, epochs=whole.epochs // 2)
    batches = Batches(whole, read_data("digits"))
    stayed = trained(folder / "stayed", whole, batches, then)
    begun = trained(folder / "begun", half, batches, first)
    moved = drift(trained(folder / "moved", whole, batches, then, begun), stayed)
    floors = [
        drift(
            trained(folder / f"nudged-{n}", whole, batches, then, nudged(folder / f"from-{n}", whole, then, n)), stayed
        )
        for n in range(nudges)
    ]
    floor = [max(values) for values in zip(*floors, strict=True)]
    steps = f"{whole.precision}: {begun.metrics().step} steps in {first}, then in {then} to {stayed.metrics().step}"
    apart = ", ".join(
        f"{name} {found:.1e} (a nudged run's {least:.1e})"
        for name, found, least in zip(MEASURED, moved, floor, strict=True)
    )
    click.echo(f"{steps}; from {then} alone: {apart}")
    return all(found <= tolerance.RATIO * least for found, least in zip(moved, floor, strict=True))


@click.command()
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(2))
@click.option(
    "--nudges", default=4, show_default=True, type=click.IntRange(1), help="Nudged runs; the farthest counts."
)
def main(epochs: int, nudges: int) -> None:
    """Hand a training over, either way, in float64 and float32; exit with 1 where more than rounding parts it."""
    results = []
    recipe = recipe_named("digits_ablation")
    recipe = replace(recipe, variants=recipe.variants[:1], epochs=epochs)
    for precision in ("float64", "float32"):
        for first, then in WAYS:
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(first, then, replace(recipe, precision=precision), nudges, Path(folder)))
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
