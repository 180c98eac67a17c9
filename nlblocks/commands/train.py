"""``nlblocks train``: the studies of the project's sources, and the user's own, in either framework."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.table import Table

from nlblocks.backend import installed, row_of
from nlblocks.commands.catalogue import terminal
from nlblocks.commands.options import OutputFolder, fields_among, refuse_options
from nlblocks.commands.overrides import overridden
from nlblocks.errors import InputError
from nlblocks.training.data import Batches, read_data
from nlblocks.training.processes import launched
from nlblocks.training.recipes import Recipe, recipe_named, recipe_names
from nlblocks.training.running import Options
from nlblocks.training.runs import Plan, RunFolder, StudyFolder


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RECIPE] [--FIELD VALUE]...")
@click.option("--list", "listed", is_flag=True, help="List the recipes that come with the package.")
@click.option("--show", is_flag=True, help="Print the recipe as JSON, and train nothing.")
@click.option("--backend", help="torch, paddle, or both; default: those that are installed.")
@click.option("--variant", "variants", multiple=True, help="Train this model of the recipe only; repeatable.")
@click.option("--data", "images", type=click.Path(path_type=Path), help="Where the images lie.")
@click.option("--output", type=OutputFolder(), help="Folder for the runs; what is there goes on.")
@click.option(
    "--continue-from", "source", type=click.Path(path_type=Path), metavar="RUN",
    help="Go on where a run's folder stands, perhaps in the other framework; its recipe is taken.",
)  # fmt: skip
@click.option("--checkpoint-every", type=click.IntRange(1), metavar="STEPS", help="Beside the end of each epoch.")
@click.option("--keep-every", type=click.IntRange(1), metavar="EPOCHS", help="Beside the last and the best epoch.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="How many, from the recipe's on.")
@click.option("--device", default="auto", show_default=True, help="cpu, gpu, or auto: a GPU where there is one.")
@click.option("--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that prepare batches.")
@click.option("--compile", "compiled", is_flag=True, help="Run the models through the framework's compiler.")
@click.option("--tensorboard/--no-tensorboard", default=None, help="Event files; default: where tensorboardX is.")
@click.option("--visualdl/--no-visualdl", default=None, help="Likewise for VisualDL; default: where it is installed.")
@click.option("--lockstep", "judged", is_flag=True, help="Train both side by side, and judge whether it is the same.")
@click.pass_context
def train(
    ctx: click.Context, words: tuple[str, ...], listed: bool, show: bool, backend: str | None,
    variants: tuple[str, ...], images: Path | None, output: Path | None, source: Path | None,
    checkpoint_every: int | None, keep_every: int | None, seeds: int, device: str, workers: int, compiled: bool,
    tensorboard: bool | None, visualdl: bool | None, judged: bool,
) -> None:  # fmt: skip
    """Train the models of a recipe: by name, or in a JSON file. Every field of it is an option too.

    \b
    nlblocks train --list
    nlblocks train digits_ablation --backend both --output runs/digits
    nlblocks train digits_ablation --epochs 2 --lr 3e-4 --optimiser.rule sgd --data.size 24
    nlblocks train blog_cifar10 --data cifar-10-python.tar.gz
    nlblocks train blog_cifar10 --batch-size 64 --show > mine.json
    nlblocks train --continue-from runs/digits/baseline/paddle/seed-0 --backend torch --output runs/on --epochs 9

    A run is a folder, OUTPUT/<variant>/<backend>/seed-<n>. The same command once more goes on where it was stopped.
    At the end OUTPUT gets report.html, curves.png and table.txt; nlblocks report OUTPUT makes them sooner, or again.
    The curves of all runs in a browser, while they train: tensorboard --logdir OUTPUT. Without --output nothing is
    kept.

    --lockstep trains both at once, on the same batches with dropout off, and lets each step of one be taken by the
    other from the same bits: judged by what a nudge of one unit in the last place makes of it, in float64, and, to
    explain it, in the recipe's own precision. It writes OUTPUT/<variant>/lockstep-<precision>.json. Exit status 0: the
    same training; 1: different; 2: not compared, because nudges make too much of a step.
    """
    if listed:
        terminal().print(_list())
        return
    begun = None if source is None else RunFolder(source)
    found = _recipe(words, begun)
    if show:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    backends = _backends(backend)
    if judged and launched() is not None:
        raise InputError("--lockstep trains in one process; start it without a launcher")
    if judged:
        from nlblocks.commands.lockstep import judge  # here: the other commands need no lab

        _refuse_beside_lockstep(ctx, backend, backends)
        batches = Batches(found, read_data(found.data.source, images))
        ctx.exit(judge(found, [found.variant(name) for name in variants] or found.variants, batches, output))
    plan = Plan(
        recipe=found, backends=backends, variants=variants, seeds=seeds, checkpoint_every=checkpoint_every,
        keep_every=keep_every, source=begun, options=Options(device=device, workers=workers, compiled=compiled),
    )  # fmt: skip
    if output is None and (tensorboard or visualdl):
        raise InputError("--tensorboard and --visualdl write beside the runs; give --output, where they are kept")
    _train(plan, Batches(found, read_data(found.data.source, images)), output, tensorboard, visualdl)


def _train(plan: Plan, batches: Batches, output: Path | None, tensorboard: bool | None, visualdl: bool | None) -> None:
    """Train a plan into a folder, show how it goes and what it came to; where no folder is named, keep nothing."""
    from nlblocks.training.reporting import Results, tables, watching, write_report  # the other commands draw nothing

    if output is None and launched() is not None:
        raise InputError("several processes train into one folder, which all of them see: give --output")
    if output is not None and not plan.leads:
        for _ in plan.train(output, batches):
            pass
        return
    if output is None:
        tensorboard = visualdl = False
    with TemporaryDirectory() as nowhere:
        folder = output or Path(nowhere)
        with watching(plan, batches.steps_per_epoch, tensorboard=tensorboard, visualdl=visualdl) as see:
            for run, event in plan.train(folder, batches):
                see(run, event)
        for run in StudyFolder(folder).runs():
            for change in run.changes:
                click.echo(f"nlblocks: note: {run.path}: {change}; the last bits of its curve may be others", err=True)
        click.echo(tables.texts(Results.read(folder)))
        if output is not None:
            click.echo(f"\nwritten: {', '.join(map(str, write_report(folder)))}")


def _backends(text: str | None) -> tuple[str, ...]:
    """The backends that an option names; without it those of the two that are installed."""
    both = ("torch", "paddle")
    if text is None:
        found = tuple(name for name in both if name in installed())
        if not found:
            raise InputError('training needs torch or paddle; install one with: pip install "nlblocks[torch]"')
        return found
    named = both if text == "both" else (text,)
    for name in named:
        row_of(name)
    missing = [name for name in named if name not in installed()]
    if missing:
        raise InputError(
            f"--backend {text}: {', '.join(missing)} is not installed; installed: {', '.join(installed())}"
        )
    return named


def _refuse_beside_lockstep(ctx: click.Context, backend: str | None, backends: tuple[str, ...]) -> None:
    """Options that mean nothing there are refused."""
    if len(backends) != 2:
        why = f"leave out --backend {backend}" if backend else f"of them {backends[0]} alone is installed"
        raise InputError(f"--lockstep trains in torch and paddle side by side; {why}")
    names = (
        "source", "checkpoint_every", "keep_every", "seeds", "device", "workers", "compiled", "tensorboard", "visualdl",
    )  # fmt: skip
    refuse_options(ctx, "--lockstep trains each model once, from its start, and keeps the verdict alone", *names)


def _recipe(words: tuple[str, ...], begun: RunFolder | None) -> Recipe:
    """The recipe that the words name, or that of the run which goes on, with the fields that they set."""
    names, fields = fields_among(words)
    if begun is not None:
        if names:
            raise InputError(f"--continue-from {begun.path} has a recipe of its own; leave out {' '.join(names)}")
        return overridden(begun.recipe, fields)
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
