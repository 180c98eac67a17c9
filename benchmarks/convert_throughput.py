"""Convert a large synthetic checkpoint, and compare with copying the file.

    python benchmarks/convert_throughput.py --gigabytes 2 [--folder DIR] [--json throughput.json]

Each conversion runs in a process of its own, and is reported with its seconds, its ratio to a plain copy of the source
(best of --repeat, the page cache warm) and its peak memory. "rss" counts the mapped pages of the file as well.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from nlblocks.weights.files import DTYPES, Made, Tensor, write_checkpoint

WIDTH = 4096
CHILD = """
import json, sys, time
from pathlib import Path
from nlblocks.weights.convert import Options, plan
from nlblocks.weights.files import open_checkpoint, write_checkpoint
source, destination, target = sys.argv[1:]
def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
idle = peak()
start = time.perf_counter()
checkpoint = open_checkpoint(source)
planned = plan(checkpoint.tensors, Options(source=checkpoint.layout, target=target), checkpoint.record)
write_checkpoint(destination, planned.tensors, layout=target, record=planned.record)
seconds = time.perf_counter() - start
largest = max(tensor.nbytes for tensor in planned.tensors.values())
print(json.dumps({"seconds": seconds, "largest": largest,
                  "memory": peak() - idle}))
"""


def synthetic(path: Path, gigabytes: float) -> None:
    """Transformer-like: square and oblong Linear weights with biases, convolutions, norms, in three dtypes."""
    stream = np.random.default_rng(0)
    values = stream.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    half = stream.integers(0, 1 << 16, (WIDTH, WIDTH), dtype=np.uint16)
    layers: dict[str, tuple[str, tuple[int, ...]]] = {}
    size = index = 0
    while size < gigabytes * 1e9:
        kinds = (("fc", "float32", (WIDTH, WIDTH)), ("conv", "float32", (WIDTH // 4, WIDTH // 4, 3, 3)),
                 ("mlp", "bfloat16", (WIDTH, WIDTH // 2)), ("proj", "float16", (WIDTH // 2, WIDTH)))  # fmt: skip
        kind, dtype, shape = kinds[index % 4]
        layers[f"{index}.{kind}.weight"] = dtype, shape
        layers[f"{index}.{kind}.bias"] = dtype, shape[:1]
        size += int(np.prod(shape)) * DTYPES[dtype].size
        index += 1

    def make(dtype: str, shape: tuple[int, ...]) -> Tensor:
        source = values if dtype == "float32" else half.view(DTYPES[dtype].bits)
        return Made(DTYPES[dtype], shape, lambda: source.reshape(-1)[: int(np.prod(shape))].reshape(shape))

    write_checkpoint(path, {name: make(*layer) for name, layer in layers.items()})


def copied(source: Path, target: Path) -> float:
    start = time.perf_counter()
    shutil.copyfile(source, target)
    return time.perf_counter() - start


@click.command()
@click.option("--gigabytes", default=2.0, show_default=True)
@click.option("--repeat", default=3, show_default=True, help="The best of so many is taken.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the files lie; default: a temporary folder.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the figures are written.")
def main(gigabytes: float, repeat: int, folder: Path | None, json_file: Path | None) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        synthetic(home / "torch.pth", gigabytes)
        jobs = (
            ("torch.pth", "a.safetensors", "torch"), ("torch.pth", "a.pth", "torch"),
            ("torch.pth", "a.pdparams", "paddle"), ("a.pdparams", "b.pth", "torch"),
            ("a.safetensors", "b.pdparams", "paddle"),
        )  # fmt: skip
        for source, destination, target in jobs:
            copy = best = float("inf")
            figures: dict[str, float] = {}
            for _ in range(repeat):
                copy = min(copy, copied(home / source, home / "copy"))
                (home / "copy").unlink()
                (home / destination).unlink(missing_ok=True)
                command = [sys.executable, "-c", CHILD, str(home / source), str(home / destination), target]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                found = json.loads(done.stdout)
                best = min(best, found["seconds"])
                figures = found
            rows.append({
                "from": source, "to": destination, "bytes": (home / source).stat().st_size,
                "copy_s": round(copy, 2), "convert_s": round(best, 2), "ratio": round(best / copy, 2),
                "rss_MB": round(figures["memory"] / 1e6), "largest_tensor_MB": round(figures["largest"] / 1e6),
            })  # fmt: skip
            click.echo(json.dumps(rows[-1]))
            if destination.startswith("b."):
                (home / destination).unlink()
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
