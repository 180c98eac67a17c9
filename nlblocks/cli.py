"""The command line: the group of commands, and how an error reaches the user (one line, exit status 2)."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from nlblocks import __version__
from nlblocks.commands.bench import bench
from nlblocks.commands.catalogue import list_kinds, show
from nlblocks.commands.compare import capture, compare
from nlblocks.commands.draw import draw
from nlblocks.commands.export import export
from nlblocks.commands.files import convert, dialects, inspect
from nlblocks.commands.maps import maps
from nlblocks.commands.port import port
from nlblocks.commands.report import report
from nlblocks.commands.train import train
from nlblocks.commands.verify import verify
from nlblocks.errors import NLBlocksError


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NLBlocksError as error:
            click.echo(f"nlblocks: {_one_line(str(error))}", err=True)
            sys.exit(2)
        except click.UsageError as error:
            help_of = error.ctx.command_path if error.ctx is not None else "nlblocks"
            click.echo(f"nlblocks: {_one_line(error.format_message().rstrip('.'))}; see {help_of} --help", err=True)
            sys.exit(2)
        except (click.Abort, KeyboardInterrupt):  # else it would be 1, which says that something differs
            click.echo("nlblocks: stopped", err=True)
            sys.exit(130)


def _one_line(text: str) -> str:
    """Names out of files may hold anything, such as a newline or what a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """Attention blocks with one spec, native in torch and Paddle, proven to agree."""
    # Paddle says at import that it found no compiler cache, which matters only to those who compile its extensions.
    warnings.filterwarnings("ignore", message="No ccache found")


for command in (
    verify, compare, capture, maps, port, train, report, list_kinds, show, draw, export, inspect, convert, dialects,
    bench,
):  # fmt: skip
    main.add_command(command)
