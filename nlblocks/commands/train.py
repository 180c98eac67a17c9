"""``nlblocks train``: the studies of the project's sources, and the user's own, in either framework."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from nlblocks.backend import installed
from nlblocks.commands.catalogue import terminal
from nlblocks.commands.compare import progress
from nlblocks.commands.options import fields_among
from nlblocks.commands.overrides import overridden
from nlblocks.errors import InputError
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import Recipe, recipe_named, recipe_names
from nlblocks.training.runs import Epoch, Plan, RunFolder, StudyFolder


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RECIPE] [--FIELD VALUE]...")
@click.option("--list", "listed", is_flag=True, help="List the recipes that come with the package.")
@click.option("--show", is_flag=True, help="Print the recipe as JSON, and train nothing.")
@click.option("--backend", default="both", show_default=True, help="torch, paddle, or both.")
@click.option("--variant", "variants", multiple=True, help="Train this model of the recipe only; repeatable.")
@click.option("--data", "images", type=click.Path(path_type=Path), help="Where the images lie.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the runs; what is there goes on.")
@click.option("--checkpoint-every", type=click.IntRange(1), metavar="STEPS", help="Beside the end of each epoch.")
@click.option("--keep-every", type=click.IntRange(1), metavar="EPOCHS", help="Beside the last and the best epoch.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="How many, from the recipe's on.")
def train(
    words: tuple[str, ...], listed: bool, show: bool, backend: str, variants: tuple[str, ...], images: Path | None,
    output: Path | None, checkpoint_every: int | None, keep_every: int | None, seeds: int,
) -> None:  # fmt: skip
    """Train the models of a recipe: by name, or in a JSON file. Every field of it is an option too.

    \b
    nlblocks train --list
    nlblocks train digits_ablation --backend both --output runs/digits
    nlblocks train digits_ablation --epochs 2 --lr 3e-4 --optimiser.rule sgd --data.size 24
    nlblocks train blog_cifar10 --data cifar-10-python.tar.gz
    nlblocks train blog_cifar10 --batch-size 64 --show > mine.json

    A run is a folder, OUTPUT/<variant>/<backend>/seed-<n>. The same command once more goes on where it was stopped.
    Without --output nothing is kept.
    """
    if listed:
        terminal().print(_list())
        return
    found = _recipe(words)
    if show:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    backends = ("torch", "paddle") if backend == "both" else (backend,)
    missing = [name for name in backends if name not in installed()]
    if missing:
        raise InputError(
            f"--backend {backend}: {', '.join(missing)} is not installed; installed: {', '.join(installed())}"
        )
    plan = Plan(
        recipe=found, backends=backends, variants=variants, seeds=seeds, checkpoint_every=checkpoint_every,
        keep_every=keep_every,
    )  # fmt: skip
    with TemporaryDirectory() as nowhere, progress() as say:
        folder = output or Path(nowhere)
        for run, event in plan.train(folder, Batches(found, read_data(found.data.source, images))):
            if isinstance(event, Epoch):
                say(f"{_called(run)}: epoch {event.epoch + 1} of {found.epochs}, top-1 {event.top1:.3f}")
        Console().print(_table(StudyFolder(folder).runs()))


def _recipe(words: tuple[str, ...]) -> Recipe:
    """The recipe that the words name, with the fields that they set."""
    names, fields = fields_among(words)
    if len(names) != 1:
        received = f", not {' '.join(names)}" if names else ""
        raise InputError(f"name one recipe or .json file{received}; nlblocks train --list lists what there is")
    return overridden(recipe_named(names[0]), fields)


def _list() -> Table:
    table = Table("recipe", "images", "models", "what", box=None, padding=(0, 2, 0, 0))
    for name, what in recipe_names().items():
        recipe = recipe_named(name)
        table.add_row(name, recipe.data.source, ", ".join(item.name for item in recipe.variants), what)
    return table


def _table(runs: list[RunFolder]) -> Table:
    """What each run came to."""
    table = Table("model", "backend", "seed", "loss", "test loss", "top-1", "top-5", "s / epoch", box=None)
    for run in runs:
        for last in run.epochs()[-1:]:
            figures = last.loss, last.test_loss, last.top1, last.top5, last.seconds
            table.add_row(run.variant, run.backend, str(run.recipe.seed), *(f"{figure:.4f}" for figure in figures))
    return table


def _called(run: RunFolder) -> str:
    return f"{run.variant} in {run.backend}, seed {run.recipe.seed}"
