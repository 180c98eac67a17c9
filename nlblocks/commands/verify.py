"""``nlblocks verify``: every spec of the catalogue, or one that the user describes, in every backend."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from nlblocks import backend as backends_module
from nlblocks.commands.options import (
    OutputFile,
    refuse_fields,
    refuse_options,
    refuse_overwriting,
    shapes_from_text,
    spec_from_file,
    spec_from_options,
)
from nlblocks.commands.witness import verify_files
from nlblocks.errors import InputError
from nlblocks.numerics import tolerance
from nlblocks.proof import Report, all_agree
from nlblocks.proof import verify as verify_spec
from nlblocks.specs.base import BlockSpec, describe
from nlblocks.statuses import judged
from nlblocks.weights.files.atomic import replacing

HEADINGS = {
    "output": "forward", "attention": "map", "grad_input": "grad\ninput", "grad_params": "grad\nparam",
    "buffers": "stats", "derivative": "deriv",
}  # fmt: skip

EXPORTING = ("torch", "paddle")
"""Those whose exporters write ONNX files."""
CAPTION = (
    "Worst float64 error, relative to the tensor's largest value: forward, attention map, gradients, running "
    "statistics, and gradients against the reference's directional derivative. float32: worst error in noise floors. "
    "bits: share of all elements equal after rounding float64 to float32; gradients that are zero but for rounding "
    "hardly ever are. *: but for gradients that are zero but for rounding, whose error is as large as they are. "
    "s: seconds."
)


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--kind", help="Verify one spec of this kind; its fields follow as --field value.")
@click.option("--spec", "spec_file", type=click.Path(path_type=Path), help="Verify the spec in this JSON file.")
@click.option(
    "--input", "input_shape", multiple=True, metavar="SHAPE",
    help="Input shape, e.g. 2,64,14,14, once for each input; default: the spec's example.",
)  # fmt: skip
@click.option("--backends", show_default="all that have the block", help="Which to compare, e.g. torch,paddle.")
@click.option(
    "--onnx", "files", is_flag=True, help="Verify the ONNX files that torch and Paddle export, instead of the modules."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the random weights and inputs.")
@click.option("--json", "json_file", type=OutputFile(), help="Write every comparison to this file.")
@click.pass_context
def verify(
    ctx: click.Context, kind: str | None, spec_file: Path | None, input_shape: tuple[str, ...], backends: str | None,
    files: bool, seed: int, json_file: Path | None,
) -> None:  # fmt: skip
    """Prove that the backends agree, or name the first place where they differ (exit status 1).

    \b
    nlblocks verify                                          the whole catalogue
    nlblocks verify --kind non_local --in-channels 64 --mode dot_product
    nlblocks verify --spec block.json --input 2,64,14,14
    nlblocks verify --onnx                                   the catalogue's ONNX files, by a third witness
    """
    specs = _specs(ctx, kind, spec_file)
    if input_shape and len(specs) > 1:
        raise InputError("--input needs one spec: give --kind or --spec")
    shape = shapes_from_text(input_shape)
    # One thread makes rounding repeatable, and small tensors faster; the frameworks read this when first imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if json_file is not None and spec_file is not None:
        refuse_overwriting(json_file, spec_file)
    names = None if backends is None else [name.strip() for name in backends.split(",") if name.strip()]
    if files:
        refuse_options(ctx, "files are verified on the spec's example", "input_shape")
        ctx.exit(verify_files(specs, names or EXPORTING, seed, json_file))
    for name in backends_module.rows() if names is None else names:
        backends_module.get(name)

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # a log has no width of its own
    start = time.perf_counter()
    reports = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("verifying", total=len(specs))
        for spec in specs:
            progress.update(task, description=describe(spec)[:60])
            reports.append(verify_spec(spec, names, seed=seed, input_shape=shape))
            progress.advance(task)
    seconds = time.perf_counter() - start
    versions = _versions(dict.fromkeys(name for report in reports for name in report.backends))
    agree = all_agree(reports)
    if json_file is not None:
        data = {"agree": agree, "seconds": seconds, "versions": versions, "reports": [r.to_dict() for r in reports]}
        with replacing(json_file) as file:
            file.write(json.dumps(data, allow_nan=True).encode())  # an indent costs ten times as long
    _print(console, reports, backends_module.rows() if names is None else ())
    total = sum(len(report.checks) for report in reports)
    failed = sum(len(report.failures) for report in reports)
    words = f"DIFFERENT in {failed}" if failed else "NOT COMPARED"
    verdict = "[bold green]identical[/]" if agree else f"[bold red]{words}[/]"
    everything = "" if json_file is None else f" Everything: {json_file}"
    found = ", ".join(f"{name} {number}".strip() for name, number in versions.items())
    counted = f"{len(reports)} spec{'s' * (len(reports) != 1)}"
    console.print(
        f"{counted}, {total} comparisons: {verdict}. {found}. {seconds:.1f} s.{everything}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    ctx.exit(judged(different=failed > 0, same=agree))


def _print(console: Console, reports: Sequence[Report], asked: Iterable[str]) -> None:
    """The table, each report that is false, and what a backend that was asked for all has not."""
    console.print(table(reports))
    for report in reports:
        if not report:
            console.print(f"[bold red]✗[/] {report}", highlight=False, soft_wrap=True)
    for name in asked:
        lacking = dict.fromkeys(type(report.spec).__name__ for report in reports if name not in report.backends)
        if lacking:
            console.print(f"{name} has no {', '.join(lacking)}: left out there", highlight=False, soft_wrap=True)


def table(reports: Sequence[Report]) -> Table:
    """One row per spec, one column per check; the worst float64 error, relative to the tensor's largest value."""
    result = Table(box=None, padding=(0, 1, 0, 0), caption=CAPTION, caption_justify="left")
    result.add_column("spec", overflow="fold", min_width=20)
    for group in tolerance.GROUPS:
        result.add_column(HEADINGS[group], justify="right", no_wrap=True)
    for heading in ("f32\n×noise", "bits", "s"):
        result.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        failed = {check.group for check in report.failures if check.dtype == "float64"}
        cells = [_error(*report.worst(group), group in failed) for group in tolerance.GROUPS]
        single = any(check.dtype == "float32" for check in report.failures)
        cells.append(_cell(report.worst_ratio(), "{:.1f}", single))
        bits = report.bits()  # rounded down: 100 % is all of them
        cells.append(_cell(None if bits is None else math.floor(bits * 1e4) / 1e4, "{:.2%}", False))
        result.add_row(("" if report else "[bold red]✗[/] ") + describe(report.spec), *cells, f"{report.seconds:.1f}")
    return result


def _error(value: float | None, zeros: bool, failed: bool) -> str:
    """A relative error in one digit, rounded up; with a star where what is zero but for rounding is left out."""
    if value is None or not math.isfinite(value):
        return _cell(value, "{:.0e}", failed)
    digit, _, power = f"{value:.0e}".partition("e")
    up = float(f"{digit}e{power}") if float(f"{digit}e{power}") >= value else (int(digit) + 1) * 10.0 ** int(power)
    return _cell(up, "{:.0e}" + "*" * zeros, failed)


def _cell(value: float | None, form: str, failed: bool) -> str:
    if value is None:
        return "[dim]–[/]"
    return f"[bold red]{form.format(value)}[/]" if failed else f"[green]{form.format(value)}[/]"


def _specs(ctx: click.Context, kind: str | None, spec_file: Path | None) -> list[BlockSpec]:
    if kind is not None and spec_file is not None:
        raise InputError("give --kind or --spec, not both")
    if kind is not None:
        return [spec_from_options(kind, ctx.args)]
    refuse_fields(ctx)
    if spec_file is not None:
        return [spec_from_file(spec_file)]
    from nlblocks.specs.catalogue import EXAMPLES

    return list(EXAMPLES)


def _versions(names: Iterable[str]) -> dict[str, str]:
    """Each backend with its framework's version; "" where it has none."""
    found = {}
    for name in names:
        row = backends_module.rows()[name]
        try:
            found[name] = version(row.distribution) if row.distribution else ""
        except PackageNotFoundError:
            found[name] = ""
    return found
