"""``nlblocks train``: the studies of the project's sources, and the user's own, in either framework."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from nlblocks.backend import installed
from nlblocks.commands.catalogue import terminal
from nlblocks.commands.compare import STATUS, progress
from nlblocks.commands.options import fields_among
from nlblocks.commands.overrides import overridden
from nlblocks.errors import InputError
from nlblocks.training.data import Batches, read_data
from nlblocks.training.lockstep import LockstepReport, lockstep
from nlblocks.training.recipes import Recipe, recipe_named, recipe_names
from nlblocks.training.running import Options, run, trainer_of


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RECIPE] [--FIELD VALUE]...")
@click.option("--list", "listed", is_flag=True, help="List the recipes that come with the package.")
@click.option("--show", is_flag=True, help="Print the recipe as JSON, and train nothing.")
@click.option("--backend", default="both", show_default=True, help="torch, paddle, or both.")
@click.option("--variant", "variants", multiple=True, help="Train this model of the recipe only; repeatable.")
@click.option("--data", "folder", type=click.Path(path_type=Path), help="Where the images lie.")
@click.option("--lockstep", "judged", is_flag=True, help="Train both side by side, and judge whether it is the same.")
def train(
    words: tuple[str, ...], listed: bool, show: bool, backend: str, variants: tuple[str, ...], folder: Path | None,
    judged: bool,
) -> None:  # fmt: skip
    """Train the models of a recipe: by name, or in a JSON file. Every field of it is an option too.

    \b
    nlblocks train --list
    nlblocks train digits_ablation --backend both
    nlblocks train digits_ablation --lockstep --variant baseline
    nlblocks train digits_ablation --epochs 2 --lr 3e-4 --optimiser.rule sgd --data.size 24
    nlblocks train blog_cifar10 --data cifar-10-python.tar.gz
    nlblocks train blog_cifar10 --batch-size 64 --show > mine.json

    --lockstep trains with dropout off, on the same batches, beside runs whose first weights are one unit in the last
    place off. It judges in float64; a recipe of float32 is explained in float32 as well. Exit status 0: the same
    training; 1: different; 2: not compared, because the training is chaotic.
    """
    if listed:
        terminal().print(_list())
        return
    found = _recipe(words)
    if show:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    backends = ["torch", "paddle"] if backend == "both" else [backend]
    missing = [name for name in backends if name not in installed()]
    if missing:
        raise InputError(
            f"--backend {backend}: {', '.join(missing)} is not installed; installed: {', '.join(installed())}"
        )
    batches = Batches(found, read_data(found.data.source, folder))
    if judged:
        if backend != "both":
            raise InputError(f"--lockstep trains two backends side by side; leave out --backend {backend}")
        sys.exit(_judge(found, variants or [variant.name for variant in found.variants], batches))
    table = Table("model", "backend", "loss", "test loss", "top-1", "top-5", "s / epoch", box=None)
    with progress() as say:
        for variant in [found.variant(name) for name in variants] or found.variants:
            for name in backends:
                trainer = trainer_of(name, found, variant.model, Options())
                say(f"{variant.name} in {name}")
                *_, last = run(trainer, found, batches)
                figures = last.loss, last.test_loss, last.top1, last.top5, last.seconds
                table.add_row(variant.name, name, *(f"{figure:.4f}" for figure in figures))
    Console().print(table)


def _judge(recipe: Recipe, variants: Sequence[str], batches: Batches) -> int:
    """Train variants in lockstep and print each verdict; the exit status, of which a fault counts first."""
    if recipe.precision == "mixed":
        raise InputError("--lockstep: mixed precision rounds by its own rules; add --precision float32, or float64")
    console, judging = Console(), []
    for name in variants:
        for precision in dict.fromkeys(("float64", recipe.precision)):
            report = _judged(replace(recipe, precision=precision), name, batches)
            style = "red" if report.verdict == "different" else None
            console.print(str(report), style=style, highlight=False, markup=False, soft_wrap=True, end="\n\n")
            if precision == "float64" or report.verdict == "different":  # float32 is explained, and judges no more
                judging.append(report.verdict)
    return next(STATUS[verdict] for verdict in ("different", "not compared", "same") if verdict in judging)


def _judged(recipe: Recipe, name: str, batches: Batches) -> LockstepReport:
    with progress() as say:
        model = recipe.variant(name).model
        return lockstep(recipe, model, batches, name=name, progress=lambda text: say(f"{name}, {text}"))


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
