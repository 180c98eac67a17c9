"""``nlblocks list`` and ``nlblocks show KIND``: the catalogue in the terminal."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nlblocks.catalogue import Entry, entry
from nlblocks.commands.options import shapes_from_text, spec_from_options
from nlblocks.specs.base import describe, kinds
from nlblocks.specs.inputs import shape_text


@click.command("list")
def list_kinds() -> None:
    """List every kind of block."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("kind", "what", "dialects"):
        table.add_column(heading, overflow="fold")
    for kind in kinds():
        found = entry(kind)
        table.add_row(f"[bold]{kind}[/]", Text(found.summary), ", ".join(found.dialects))
    console = terminal()
    console.print(table)
    console.print("\nnlblocks show KIND says everything about one of them.")


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("kind")
@click.option(
    "--input", "input_shape", multiple=True, metavar="SHAPE",
    help="Input shape for the cost, e.g. 2,64,56,56, once for each input; default: the spec's example.",
)  # fmt: skip
@click.pass_context
def show(ctx: click.Context, kind: str, input_shape: tuple[str, ...]) -> None:
    """Show one kind: formula, fields, parameters, cost, source, backends, dialects.

    \b
    nlblocks show non_local
    nlblocks show non_local --in-channels 64 --mode dot_product --input 1,64,56,56
    """
    spec = spec_from_options(kind, ctx.args) if ctx.args else None
    found = entry(kind, spec, shapes_from_text(input_shape))
    console = terminal()
    console.print(f"[bold]{found.name}[/]  kind {found.kind}\n")
    console.print(Text(found.text))
    console.print(f"\n[bold]source[/]    {found.cites}", highlight=False)
    console.print(f"[bold]backends[/]  {', '.join(found.backends)}")
    console.print(f"[bold]dialects[/]  {', '.join(found.dialects) or 'none'}\n")
    console.print(_fields(found))
    console.print(f"\n[bold]{describe(found.example)}[/]", highlight=False)
    console.print(f"input {shape_text(found.input_shape)} → output {list(found.output_shape)}", highlight=False)
    for name, shape in found.attention_shapes.items():
        console.print(f"map {name} {list(shape)}", highlight=False)
    console.print(f"{found.weights:,} weights, {found.macs:,} multiply-accumulates\n", highlight=False)
    console.print(_params(found))


def _fields(found: Entry) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("field", "default", "meaning"):
        table.add_column(heading, overflow="fold")
    for item in found.fields:
        table.add_row(f"[bold]{item.name}[/]", Text(item.default), Text(item.meaning))
    return table


def _params(found: Entry) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("parameter", "shape", "starts as", "trainable"):
        table.add_column(heading, overflow="fold")
    for param in found.params:
        init = param.init
        bound = f"{init.gain:.4g}" + (f"/√fan_{init.fan}" if init.fan else "")
        start = f"{init.value:g}" if init.kind == "constant" else f"{init.kind} {bound}"
        table.add_row(param.name, Text(str(list(param.shape))), start, "yes" if param.trainable else "no")
    return table


def terminal() -> Console:
    """Where tables go; a file or pipe has no width of its own, so it gets one."""
    console = Console()
    return console if console.is_terminal else Console(width=140)
