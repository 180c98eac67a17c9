"""``nlblocks report``: the tables, curves and page of a study, made again from its folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write table.txt, curves.png and report.html of a study that nlblocks train keeps in FOLDER.

    No framework is needed, and nothing is trained: the folder holds all that they show. Of a study that is still
    training, they show how far it has come.

    \b
    nlblocks report runs/digits
    """
    from nlblocks.training.reporting import Results, tables, write_report  # here: the other commands draw nothing

    click.echo(tables.texts(Results.read(folder)))
    click.echo(f"\nwritten: {', '.join(map(str, write_report(folder)))}")
