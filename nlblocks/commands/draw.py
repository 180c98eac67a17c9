"""``nlblocks draw KIND``: a block as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from nlblocks.catalogue import entry
from nlblocks.commands.options import OutputFile, shapes_from_text, spec_from_options
from nlblocks.weights.files.atomic import replacing


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("kind")
@click.option(
    "--input", "input_shape", multiple=True, metavar="SHAPE",
    help="Input shape, e.g. 2,64,56,56, once for each input; default: the spec's example.",
)  # fmt: skip
@click.option("--backend", help="The framework that runs the block; default: one that is installed.")
@click.option("--out", required=True, type=OutputFile(".svg"), help="The drawing, .svg.")
@click.pass_context
def draw(ctx: click.Context, kind: str, input_shape: tuple[str, ...], backend: str | None, out: Path) -> None:
    """Draw a block: the flow of its tensors with letters and numbers, and what its relations relate.

    It is made by running the block, and the same in every framework.

    \b
    nlblocks draw non_local --out non_local.svg
    nlblocks draw non_local --in-channels 64 --mode dot_product --input 1,64,56,56 --out dot_product.svg
    """
    spec = spec_from_options(kind, ctx.args) if ctx.args else entry(kind).example
    from nlblocks.drawing import draw as drawing_of  # here: the other commands need no lab

    drawn = drawing_of(spec, shapes_from_text(input_shape), backend)
    with replacing(out) as file:
        file.write(drawn.encode("utf-8"))
    click.echo(f"drew {out}")
