"""``python -m benchmarks.works``: what works with the blocks in torch and in Paddle, found by running it.

    python -m benchmarks.works --docs docs/works.md     # make works: minutes
    python -m benchmarks.works --only "pickle;deepcopy" # some ways, printed
    python -m benchmarks.works --docs docs/works.md --results build/works.json --only fx    # the rest as it was found

Each way (autocast, export, pickle, …) is tried on each block with random weights, statistics and inputs, and what comes
out is held against the block's plain run in float64 on the same: outputs, and where the way can train the gradients of
the input and of every parameter. The bounds are in :mod:`benchmarks.works.judge`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import nlblocks
from benchmarks.works.judge import Cell, Way, tried
from benchmarks.works.page import page
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec, NonLocal
from nlblocks.specs.catalogue import EXAMPLES

FRAMEWORKS = ("torch", "paddle")
Row = dict[str, Cell]


FIRST = (
    "article_digit_net", "attention_resnet", "cbam", "channel_affinity", "channel_attention", "channel_gate",
    "criss_cross_attention", "digit_net", "dual_attention", "efficient_channel_attention", "non_local",
    "position_attention", "relation_aware_attention", "spatial_gate", "squeeze_excitation",
)  # fmt: skip
"""The kinds that are tried in every way, which takes half an hour. The test-suite compiles, exports, halves and copies
each of the others too, under parity_tests/backends and parity_tests/exchange."""


def blocks() -> dict[str, BlockSpec]:
    """One block of each of these kinds by its class; of NonLocal one of each mode."""
    found: dict[str, BlockSpec] = {}
    for spec in (spec for spec in EXAMPLES if spec.kind in FIRST):
        mode = f" {spec.mode}" if isinstance(spec, NonLocal) else ""
        found.setdefault(f"{type(spec).__name__}{mode}", spec.deterministic())
    return found


def table(framework: str, only: set[str], specs: dict[str, BlockSpec]) -> Iterator[tuple[str, Row]]:
    """Each block's name, and what came of each way."""
    ways = [way for group in ways_of(framework).values() for way in group if not only or way.name in only]
    for name, spec in specs.items():
        yield name, {way.name: cell(framework, way, spec) for way in ways}


def cell(framework: str, way: Way, spec: BlockSpec) -> Cell:
    """One way on one block."""
    there = importlib.import_module(f"benchmarks.works.{framework}_ways")
    x = sample.random_array(spec.example_shape(), 0, "works")
    plain = there.plain(_block(spec, framework), x)
    rounded = plain if way.format == "float64" else there.rounded(_block(spec, framework), x, way.format)
    return tried(way, _block(spec, framework), x, plain, rounded)


def ways_of(framework: str) -> dict[str, tuple[Way, ...]]:
    """The ways of a framework, in groups."""
    ways: dict[str, tuple[Way, ...]] = importlib.import_module(f"benchmarks.works.{framework}_ways").WAYS
    return ways


def _block(spec: BlockSpec, framework: str) -> Any:
    module = nlblocks.build(spec, backend=framework, dtype="float64")
    nlblocks.load_state(module, sample.random_state(spec, 0))
    return module


@click.command()
@click.option("--docs", type=click.Path(path_type=Path), help="Write the page here.")
@click.option("--results", type=click.Path(path_type=Path), help="Keep them here; what is not tried again stays.")
@click.option("--only", default="", help="Names of ways, separated by semicolons: some have a comma.")
@click.option("--block", default="", help="Names of blocks, comma-separated.")
def main(docs: Path | None, results: Path | None, only: str, block: str) -> None:
    """Try every way of using a block on every block, in both frameworks."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    wanted, specs = {name for name in only.split(";") if name}, blocks()
    known = [way.name for framework in FRAMEWORKS for group in ways_of(framework).values() for way in group]
    for given, names, what in (
        (wanted, known, "--only"),
        (set(filter(None, block.split(","))), list(specs), "--block"),
    ):
        if unknown := sorted(given - set(names)):
            raise click.UsageError(f"{what}: {', '.join(unknown)}: there are {', '.join(names)}")
    found = _known(results, specs)
    specs = {name: spec for name, spec in specs.items() if not block or name in block.split(",")}
    for framework in FRAMEWORKS:
        for name, row in table(framework, wanted, specs):
            found[framework][name] |= row
            for way, one in row.items():
                click.echo(f"{framework}  {name}  {way}: {one.verdict} {one.error:.0e} {one.why}")
    if results:
        stored = {framework: {name: {way: asdict(one) for way, one in row.items()} for name, row in rows.items()}
                  for framework, rows in found.items()}  # fmt: skip
        results.write_text(json.dumps(stored, indent=1), encoding="utf-8", newline="\n")
    if docs:
        versions = {name: importlib.import_module(name).__version__ for name in FRAMEWORKS}
        text = page(found, {name: ways_of(name) for name in FRAMEWORKS}, versions, platform.python_version())
        docs.write_text(text, encoding="utf-8", newline="\n")


def _known(results: Path | None, specs: dict[str, BlockSpec]) -> dict[str, dict[str, Row]]:
    """What an earlier run found of these blocks."""
    there = results is not None and results.is_file()
    stored = json.loads(results.read_text(encoding="utf-8")) if results is not None and there else {}
    return {
        framework: {
            name: {way: Cell(**one) for way, one in stored.get(framework, {}).get(name, {}).items()} for name in specs
        }
        for framework in FRAMEWORKS
    }


if __name__ == "__main__":
    main()
