"""The command line: the table of commands, each imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import click

from nlblocks import __version__, console
from nlblocks.statuses import Status


class Row(NamedTuple):
    """One command: where it is, and its line in ``nlblocks --help``, which loads none."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "bench": Row("bench", "bench", "Measure time and memory of every block."),
    "capture": Row("compare", "capture", "Run a model and keep everything in a file."),
    "causes": Row("causes", "causes", "List the causes of differences, or explain one."),
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

    def main(self, *words: Any, **options: Any) -> Any:
        console.prepare()
        return super().main(*words, **options)

    def make_context(self, *words: Any, **options: Any) -> click.Context:
        with console.ending():
            return super().make_context(*words, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with console.ending():
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit status"):
            formatter.write_dl([(str(int(status)), status.meaning) for status in Status])


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """Attention blocks with one spec, native in torch and Paddle, proven to agree."""
