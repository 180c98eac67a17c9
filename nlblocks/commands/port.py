"""``nlblocks port``: a Paddle model's source in torch, with its weights and a proof."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from nlblocks.commands.compare import progress
from nlblocks.commands.options import OutputFile, OutputFolder
from nlblocks.errors import InputError


@click.command()
@click.argument("entry")
@click.argument("out", type=OutputFolder())
@click.option(
    "--path", "paths", multiple=True, help="A folder that sources lie in; only what is under these is ported."
)
@click.option("--kwargs", default="", metavar="TEXT", help="Arguments that make the model, e.g. depth=18.")
@click.option(
    "--input", "inputs", multiple=True,
    help="What the model is run on: a shape such as 2,3,64,64, an .npz file, or MODULE:FUNCTION giving nested arrays.",
)  # fmt: skip
@click.option("--weights", multiple=True, help="Weights of the Paddle model, in any format that is read.")
@click.option("--setup", help="A Python file that is run first: stand-ins for what is not installed.")
@click.option("--entry", "others", multiple=True, metavar="MODULE:NAME", help="A further model to port with it.")
@click.option("--report", "report_file", type=OutputFile(".html", ".json"), help="Write the report: .html or .json.")
@click.option("--json", "json_file", type=OutputFile(), help="Write the report as JSON.")
@click.pass_context
def port(
    ctx: click.Context, entry: str, out: Path, paths: tuple[str, ...], kwargs: str, inputs: tuple[str, ...],
    weights: tuple[str, ...], setup: str | None, others: tuple[str, ...], report_file: Path | None,
    json_file: Path | None,
) -> None:  # fmt: skip
    """Port a Paddle model to torch: readable source, converted weights, and a proof that both compute the same.

    ENTRY is MODULE:NAME, a class or function that makes the model; OUT a folder that is empty or not there yet. For
    each package X that the model needs, OUT gets X_torch. The proof, in float64: the evaluation forward, and the
    training forward, backward and buffers; no optimiser takes a step. Exit status 0: proven, or proven except for
    named causes; 1: different; 2: refused or not run. Where source or weights cannot be used nothing is written.

    \b
    nlblocks port ppcls.arch.backbone.legendary_models.resnet:ResNet50_vd OUT --path PaddleClas --input 2,3,64,64
    nlblocks port entry:net OUT --path . --path PaddleSeg --setup stubs.py --input inputs:inputs --json port.json
    """
    try:
        import libcst  # noqa: F401
    except ModuleNotFoundError:
        raise InputError('nlblocks port needs libcst; install it with: pip install "nlblocks[port]"') from None
    from nlblocks.port import PortReport
    from nlblocks.port import port as port_model

    with progress() as say:
        report: PortReport = port_model(
            [entry, *others], out, path=paths, kwargs=kwargs, inputs=inputs, weights=weights, setup=setup, progress=say
        )
    console = Console()
    console.print(str(report), style=None if report else "red", highlight=False, markup=False, soft_wrap=True)
    for file in (report_file, json_file):
        if file is not None:
            report.save(file)
            console.print(f"report: {file}", highlight=False, soft_wrap=True)
    ctx.exit(report.status)
