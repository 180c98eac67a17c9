"""The command line: the table of commands, and how an error reaches the user (one line, exit status 2)."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import Any, NamedTuple

import click

from nlblocks import __version__
from nlblocks.errors import NLBlocksError


class Row(NamedTuple):
    """One command: where it is, and its line in ``nlblocks --help``, which loads none."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "bench": Row("bench", "bench", "Measure time and memory of every block."),
    "capture": Row("compare", "capture", "Run a model and keep everything in a file."),
    "compare": Row("compare", "compare", "Find whether two models are the same program."),
    "convert": Row("files", "convert", "Convert a checkpoint by the meaning of its layers."),
    "dialects": Row("files", "dialects", "List the public codebases that are understood."),
    "draw": Row("draw", "draw", "Draw a block: its tensors and its relations."),
    "export": Row("export", "export", "Write an ONNX file that computes the same."),
    "inspect": Row("files", "inspect", "Show what is in a checkpoint or ONNX file."),
    "list": Row("catalogue", "list_kinds", "List every kind of block."),
    "maps": Row("maps", "maps", "Draw where a model's blocks look, on images."),
    "port": Row("port", "port", "Port a Paddle model to torch, with a proof."),
    "report": Row("report", "report", "Write a study's tables, curves and page again."),
    "show": Row("catalogue", "show", "Show all about one kind of block."),
    "train": Row("train", "train", "Train the models of a recipe."),
    "verify": Row("verify", "verify", "Prove that the backends agree, or where they differ."),
}
"""By name; the modules are in nlblocks/commands/."""


class _Group(click.Group):
    """Commands that are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        found: click.Command = getattr(import_module(f"nlblocks.commands.{row.module}"), row.attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

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
