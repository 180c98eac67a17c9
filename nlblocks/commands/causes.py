"""``nlblocks causes``: what the lab can name, and of one cause how it shows and how to mend it."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from nlblocks.commands.catalogue import terminal
from nlblocks.errors import InputError, said
from nlblocks.parity.findings import CAUSES


@click.command()
@click.argument("name", required=False)
def causes(name: str | None) -> None:
    """List the causes that a comparison can name, or explain one: what it is, how it shows, how to mend it.

    NAME is a cause, or a kind, of which all causes are listed.

    \b
    nlblocks causes
    nlblocks causes batch_norm
    nlblocks causes batch_norm.eps
    """
    table = {cause: words for rows in CAUSES.sections.values() for cause, words in rows.items()}
    if name in table:
        _explain(name)
    elif name is None or any(cause.startswith(f"{name}.") for cause in table):
        _list(name)
    else:
        like = CAUSES.like(name)
        meant = f"did you mean {', '.join(like)}? " if like else ""
        raise InputError(f"no cause is called {said(name)}; {meant}nlblocks causes lists all")


def _list(kind: str | None) -> None:
    """Every cause, or every one of a kind, under what differs."""
    console = terminal()
    for title, rows in CAUSES.sections.items():
        found = {name: cause for name, cause in rows.items() if kind is None or name.startswith(f"{kind}.")}
        if not found:
            continue
        table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, cause in found.items():
            table.add_row(Text(name), Text(cause))
        console.print(Text(title, style="bold"))
        console.print(table)
    console.print(Text("\nnlblocks causes NAME says how one shows, and how to mend it."))


def _explain(name: str) -> None:
    cause = next(rows[name] for rows in CAUSES.sections.values() if name in rows)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for head, words in {"shows": cause.shows, "mend": cause.mend, **CAUSES.spelled(name)}.items():
        table.add_row(head, Text(words))
    console = terminal()
    console.print(Text.assemble((name, "bold"), f": {cause}\n"))
    console.print(table)
