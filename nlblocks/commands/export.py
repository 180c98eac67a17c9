"""``nlblocks export``: a block, a checkpoint or a model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nlblocks.backend import VARIABLE, installed
from nlblocks.catalogue import entry
from nlblocks.commands.models import load_inputs, load_model
from nlblocks.commands.options import OutputFile, refuse_options, spec_from_file, spec_from_options
from nlblocks.errors import InputError, meant
from nlblocks.loading import load
from nlblocks.specs.base import block_types, kinds


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("source")
@click.argument("out", type=OutputFile())
@click.option("--backend", type=click.Choice(["torch", "paddle"]), help="Which exports a block; default: as installed.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--input", "inputs", multiple=True, metavar="SHAPE", help="Shape or .npy of an input; of a block: its example."
)
@click.option("--opset", type=int, help="Version of the operators; default: the exporter's own.")
@click.option("--dynamic", is_flag=True, help="Let the batch and the extents of images be of any size.")
@click.option("--seed", default=0, show_default=True, help="Of the weights of a spec.")
@click.pass_context
def export(
    ctx: click.Context, source: str, out: Path, backend: str | None, dtype: str, inputs: tuple[str, ...],
    opset: int | None, dynamic: bool, seed: int,
) -> None:  # fmt: skip
    """Write an ONNX file, once everybody who runs it computes what the native model does.

    SOURCE is a kind of block, whose fields follow as --field value; a spec in a .json file; a checkpoint that carries
    its spec; or any model, package.module:name. A block's attention maps are outputs too. The file says what it is of:
    nlblocks inspect shows it, nlblocks.load builds the block from it, in either framework. Exit status 2, and no file,
    where the program differs from the model.

    \b
    nlblocks export non_local block.onnx --in-channels 64 --backend paddle --dynamic
    nlblocks export block.safetensors block.onnx --input 1,64,56,56 --dtype float64
    nlblocks export mypkg.models:net net.onnx --input 1,3,224,224
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # Paddle's, read when it is imported: it says what it does
    given = _source(source, backend, ctx.args, seed)
    if ":" in source:
        refuse_options(ctx, "a model is of its own framework, with its own weights", "backend", "seed")
    from nlblocks.exchange import export as write  # here: the other commands need no onnx

    chosen = backend or os.environ.get(VARIABLE) or installed()[0]
    shapes = load_inputs(inputs) if inputs else None
    found = write(given, out, backend=chosen, dtype=dtype, inputs=shapes, seed=seed, opset=opset, dynamic=dynamic)
    shown = ", ".join(f"{name} [{', '.join(map(str, shape))}]" for name, shape in found.shapes.items())
    click.echo(f"{out}: opset {found.opset}, {out.stat().st_size:,} bytes; {shown}")
    click.echo("against the native model:")
    for line in found.summary():
        click.echo(f"  {line}")
    for note in found.notes:
        click.echo(f"nlblocks: note: {note}", err=True)


def _source(text: str, backend: str | None, arguments: Sequence[str], seed: int) -> Any:
    """What is exported: a spec, a block with its weights, or a model."""
    names = (*block_types(), *kinds())
    if text in names:
        return spec_from_options(text, arguments) if arguments else entry(text).example
    known = Path(text).is_file() or text.endswith(".json") or ":" in text
    if arguments and known:
        raise InputError(f"{arguments[0]} is no option of export; fields of a spec follow the name of its kind")
    if text.endswith(".json"):
        return spec_from_file(Path(text))
    if Path(text).is_file():
        return load(text, backend or os.environ.get(VARIABLE) or installed()[0])
    if ":" in text:
        return load_model(text)
    raise InputError(
        f"{text} is no kind of block, no file and no package.module:name; nlblocks list shows the kinds"
        f"{meant(text, names)}"
    )
