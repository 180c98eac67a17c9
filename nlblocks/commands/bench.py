"""``nlblocks bench``: the benchmark of a source checkout."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from nlblocks.errors import InputError


@click.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure time and memory of every block against the public forms (bench --help lists the options)."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise InputError("bench: the benchmarks are not part of the installed package; run it in a source checkout")
    sys.path.insert(0, str(root))
    importlib.import_module("benchmarks.__main__").main(
        args=list(arguments), prog_name="nlblocks bench", standalone_mode=False
    )
