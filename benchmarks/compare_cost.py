"""``python -m benchmarks.compare_cost``: what a comparison costs beside what the two models cost to train by one step.

Each pair of torchvision and paddle.vision is compared in a process of its own, on one thread, by the process's own CPU
time, with all that ``compare`` does unless told otherwise. "own" is one training step of each model as its user writes
it, forward and backward in float32, the sum of both: the median of :data:`ROUNDS`, in the same process after the
comparison. Memory is the peak of the process beyond what it holds once both frameworks have run something small:
"step" is that of building one model and running its step, the larger of the two, each in a process of its own;
"compare" holds both models. Linux only: it reads /proc.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

PAIRS = (
    "densenet121,mobilenet_v2,mobilenet_v3_large,mobilenet_v3_small,resnet18,resnet34,resnet50,"
    "resnext50_32x4d,shufflenet_v2_x1_0,squeezenet1_1"
)
"""What is compared unless told otherwise."""
ROUNDS = 5
HEAD = """| pair | px | verdict | own, s | compare, s | times | step, MiB | compare, MiB | times |
|---|---|---|---|---|---|---|---|---|"""
MIB = 2**20
Step = Callable[[], None]


@click.command()
@click.option("--only", default=PAIRS, help="Names of architectures, comma-separated.")
@click.option("--batch", default=2, show_default=True)
@click.option("--size", default=64, show_default=True, help="Side of the image.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write the figures here, after each pair.")
def main(only: str, batch: int, size: int, out: Path | None) -> None:
    """The time and memory of compare over that of the two models' own training steps."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from benchmarks.zoo.judge import shared

    known = _apart(shared)
    unknown = [name for name in only.split(",") if name not in known]
    if unknown:
        raise click.UsageError(f"--only {','.join(unknown)}: both zoos have {', '.join(known)}")
    rows: list[dict[str, Any]] = []
    click.echo(HEAD)
    for name in only.split(","):
        steps = [_apart(_step_memory, name, batch, size, framework) for framework in ("torch", "paddle")]
        rows.append({"name": name, "size": size, "step_memory": max(steps), **_apart(_compared, name, batch, size)})
        click.echo(line(rows[-1]))
        if out:
            out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for what, ratio in (("time", time_ratio), ("memory", memory_ratio)):
        ratios = [ratio(row) for row in rows]
        click.echo(f"{what}: median {statistics.median(ratios):.1f}, worst {max(ratios):.1f} of {len(ratios)}")


def line(row: dict[str, Any]) -> str:
    """The figures of a pair, as a row of a Markdown table."""
    figures = (
        row["name"], str(row["size"]), row["verdict"], f"{row['own']:.3f}", f"{row['compare']:.2f}",
        f"{time_ratio(row):.1f}", f"{row['step_memory'] / MIB:.0f}", f"{row['memory'] / MIB:.0f}",
        f"{memory_ratio(row):.1f}",
    )  # fmt: skip
    return f"| {' | '.join(figures)} |"


def time_ratio(row: dict[str, Any]) -> float:
    """CPU time of the comparison in those of one training step of each model."""
    return float(row["compare"] / row["own"])


def memory_ratio(row: dict[str, Any]) -> float:
    """Peak memory of the comparison in those of the larger model's training step."""
    return float(row["memory"] / row["step_memory"])


def _compared(name: str, batch: int, size: int) -> dict[str, Any]:
    """The cost of one comparison, and of the two models' own steps."""
    from benchmarks.zoo.judge import ACCEPT, pair
    from nlblocks import parity

    base = _ready()
    models = pair(name)[:2]
    gc.collect()
    start = time.process_time()
    report = parity.compare(*models, (batch, 3, size, size), accept=ACCEPT)
    seconds, memory = time.process_time() - start, _peak() - base
    own = sum(_median(_step(model, batch, size)) for model in models)
    return {"verdict": "same" if report else "differs", "own": own, "compare": seconds, "memory": memory}


def _step_memory(name: str, batch: int, size: int, framework: str) -> int:
    """Bytes at the peak of building one of the models and training it by a step."""
    from benchmarks.zoo.judge import paddle_model, torch_model

    base = _ready()
    _step((torch_model if framework == "torch" else paddle_model)(name), batch, size)()
    return _peak() - base


def _step(model: Any, batch: int, size: int) -> Step:
    """A training step as the model's user writes it, without an optimiser."""
    import paddle
    import torch

    image = np.random.default_rng(0).normal(size=(batch, 3, size, size)).astype(np.float32)
    on_torch = isinstance(model, torch.nn.Module)
    given, kind = (torch.from_numpy, torch.Tensor) if on_torch else (paddle.to_tensor, paddle.Tensor)

    def step() -> None:
        model.train()
        sum(output.sum() for output in _tensors(model(given(image)), kind)).backward()
        (model.zero_grad if on_torch else model.clear_gradients)()

    return step


def _tensors(outputs: Any, kind: type[Any]) -> list[Any]:
    return [outputs] if isinstance(outputs, kind) else [one for one in outputs if isinstance(one, kind)]


def _median(step: Step) -> float:
    """Seconds of CPU time of a step, after one that does not count."""
    step()
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        found.append(time.process_time() - start)
    return statistics.median(found)


def _ready() -> int:
    """Have both frameworks, and a comparison, load what they load once; the bytes that are held then."""
    import paddle
    import torch

    from nlblocks import parity

    torch.set_num_threads(1)
    parity.compare(torch.nn.Linear(3, 2), paddle.nn.Linear(3, 2), (1, 3))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak is what is held now
    return _peak()


def _peak() -> int:
    """The most bytes that this process has held in memory."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pool = context.Pool(1, warnings.simplefilter, ("ignore",))
    try:
        return pool.apply(function, arguments)
    finally:
        pool.close()
        pool.join()


if __name__ == "__main__":
    main()
