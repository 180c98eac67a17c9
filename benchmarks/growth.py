"""``python -m benchmarks.growth``: how the time of a block grows with the positions of an image.

Of the blocks that hold no map of N × N, C = 64: one thread's CPU time of a forward pass at a side and at twice it, four
times the positions, one after the other in each round; the ratio of the medians. The first rounds are not counted.
``--docs FILE`` writes the table at the end of a page, which ``python -m benchmarks`` leaves there.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import nlblocks
from nlblocks import specs
from nlblocks.specs import BlockSpec
from nlblocks.specs.inputs import parts

SIDES, CHANNELS, ROUNDS, WARM = (56, 112), 64, 9, 2
MARK = "## Growth"
LINEAR: tuple[BlockSpec, ...] = (
    specs.NonLocal(in_channels=CHANNELS, mode="dot_product"),
    specs.DisentangledNonLocal(in_channels=CHANNELS, mode="dot_product"),
    specs.GlobalContext(in_channels=CHANNELS),
    specs.ObjectContext(in_channels=CHANNELS),
    specs.AsymmetricPyramidNonLocal(in_channels=CHANNELS),
    specs.ExpectationMaximisationAttention(in_channels=CHANNELS),
    specs.EfficientAttention(in_channels=CHANNELS, key_channels=32, value_channels=32, heads=2),
    specs.ExternalAttention(in_channels=CHANNELS),
    specs.DoubleAttention(in_channels=CHANNELS, inter_channels=32, descriptors=32),
    specs.CompactGeneralisedNonLocal(in_channels=CHANNELS, inter_channels=32, groups=4),
    specs.PolarizedSelfAttention(in_channels=CHANNELS),
    specs.HaloAttention(in_channels=CHANNELS, heads=4, block_size=7, halo_size=3),
    specs.LambdaLayer(in_channels=CHANNELS, kernel_size=7),
)


def caller(backend: str, spec: BlockSpec, side: int) -> Callable[[], Any]:
    """A forward pass of a block in eval mode, without a gradient."""
    draw = np.random.default_rng(0)
    xs = [draw.normal(size=shape).astype(np.float32) for shape in parts(spec.input_of(1, CHANNELS, (side, side)))]
    block = nlblocks.build(spec, backend=backend, seed=0, dtype="float32").eval()
    if backend == "torch":
        import torch

        torch.set_num_threads(1)
        tensors: list[Any] = [torch.from_numpy(x) for x in xs]
        return torch.no_grad()(lambda: block(*tensors))
    import paddle

    tensors = [paddle.to_tensor(x) for x in xs]
    return paddle.no_grad()(lambda: block(*tensors))


def growth(backend: str, spec: BlockSpec) -> tuple[float, float]:
    """Milliseconds at the larger side, and how many times those of the smaller it is."""
    calls = [caller(backend, spec, side) for side in SIDES]
    seconds: list[list[float]] = [[], []]
    for _ in range(ROUNDS + WARM):
        for found, call in zip(seconds, calls, strict=True):
            begun = time.process_time()
            call()
            found.append(time.process_time() - begun)
    small, large = (statistics.median(found[WARM:]) for found in seconds)
    return 1e3 * large, large / small


def kept(page: Path) -> str:
    """The section that this program wrote into a page, or nothing."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return "\n" + text[text.index(MARK) :] if MARK in text else ""


@click.command()
@click.option("--docs", type=click.Path(path_type=Path, dir_okay=False), help="The page to write the table into.")
def main(docs: Path | None) -> None:
    """How the time of a block grows with the positions of an image."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before a framework is imported
    lines = [
        MARK,
        "",
        "`python -m benchmarks.growth --docs docs/benchmark.md`: blocks without a map of N × N, "
        f"C = {CHANNELS}, float32, a forward pass in eval mode. ms: CPU time of one thread at {SIDES[1]} × {SIDES[1]}, "
        f"the median of {ROUNDS} rounds; growth: how many times that of {SIDES[0]} × {SIDES[0]}, a quarter of the "
        "positions. 4 is O(N), 16 is O(N²). On an idle machine of two cores.",
        "",
        "| block | torch ms | growth | paddle ms | growth |",
        "| --- | --- | --- | --- | --- |",
    ]
    for spec in LINEAR:
        cells = [f"{value:.1f}" for backend in ("torch", "paddle") for value in growth(backend, spec)]
        lines.append(f"| {spec.kind} | {' | '.join(cells)} |")
        click.echo(lines[-1])
    if docs is not None:
        text = docs.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
        docs.write_text(f"{text}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
