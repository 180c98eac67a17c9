"""Convert a large synthetic checkpoint between every two formats, and compare with copying the source.

    python benchmarks/convert_throughput.py --gigabytes 2 [--folder DIR] [--json throughput.json]

Needs an otherwise idle machine and free memory for seven files of that size. In each round every conversion runs once
beside a copy of its source (shutil.copyfile) in the same folder, each in a process of its own. Before either,
everything written earlier is flushed to the disk, the source is read through and as much memory as will be written is
touched and given back: without that, the writes of one run slow down the next, and on a virtual machine the host's
handing out of memory costs more than the copy and falls on either side by chance, so that a ratio says anything. Times
are of the call: of everything but starting Python and importing. "ratio" is
conversion over copy, the median of the rounds with the least and the greatest. Neither waits for the disk (a copy does
not); with --flush both times hold an fsync as well. "memory" is the peak above the imports, mapped pages included.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import DTYPES, Made, Tensor, open_checkpoint, write_checkpoint

WIDTH = 4096
SHARDS = "shards.safetensors.index.json"
SOURCES = ("torch.pth", "paddle.pdparams", "torch.safetensors", SHARDS)
JOBS = (
    *((source, f"made.{suffix}") for source in SOURCES for suffix in ("pth", "pdparams", "safetensors")),
    ("torch.pth", "made.shards"),
    ("paddle.pdparams", "made.shards"),
    (SHARDS, "made.shards"),
)  # fmt: skip


def synthetic(path: Path, gigabytes: float) -> None:
    """Transformer-like: Linear weights and fused attention projections with biases, convolutions, in three dtypes."""
    stream = np.random.default_rng(0)
    values = stream.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    half = stream.integers(0, 1 << 16, (WIDTH, WIDTH), dtype=np.uint16)
    layers: dict[str, tuple[str, tuple[int, ...]]] = {}
    size = index = 0
    while size < gigabytes * 1e9:
        kinds = (
            ("fc.", "float32", (WIDTH, WIDTH)), ("conv.", "float32", (WIDTH // 4, WIDTH // 4, 3, 3)),
            ("mlp.", "bfloat16", (WIDTH, WIDTH // 2)), ("proj.", "float16", (WIDTH // 2, WIDTH)),
            ("attn.in_proj_", "float32", (WIDTH // 2 * 3, WIDTH // 2)),
        )  # fmt: skip
        kind, dtype, shape = kinds[index % len(kinds)]
        layers[f"{index}.{kind}weight"] = dtype, shape
        layers[f"{index}.{kind}bias"] = dtype, shape[:1]
        if kind.startswith("attn."):  # without it, it would be no MultiheadAttention
            layers[f"{index}.attn.out_proj.weight"] = dtype, (shape[1], shape[1])
            layers[f"{index}.attn.out_proj.bias"] = dtype, (shape[1],)
            size += shape[1] * shape[1] * DTYPES[dtype].size
        size += int(np.prod(shape)) * DTYPES[dtype].size
        index += 1

    def make(dtype: str, shape: tuple[int, ...]) -> Tensor:
        source = values if dtype == "float32" else half.view(DTYPES[dtype].bits)
        return Made(DTYPES[dtype], shape, lambda: source.reshape(-1)[: int(np.prod(shape))].reshape(shape))

    write_checkpoint(path, {name: make(*layer) for name, layer in layers.items()})


def convert(source: Path, destination: Path, shard_bytes: int, flush: bool) -> dict[str, float]:
    """Seconds and peak memory."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts anew
    idle = _peak()
    target = "paddle" if destination.suffix == ".pdparams" else "torch"
    sharded = destination.suffix == ".shards"
    start = time.perf_counter()
    checkpoint = open_checkpoint(source)
    planned = plan(checkpoint.tensors, Options(source=checkpoint.layout, target=target), checkpoint.record)
    written = write_checkpoint(
        destination.with_suffix(".safetensors") if sharded else destination,
        planned.tensors, layout=target, record=planned.record, shard_bytes=shard_bytes if sharded else None,
    )  # fmt: skip
    if flush:
        to_disk(written)
    return {"seconds": time.perf_counter() - start, "memory": _peak() - idle}


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def to_disk(files: list[Path]) -> None:
    for file in files:
        with file.open("r+b") as opened:
            os.fsync(opened.fileno())


def parts(source: Path) -> list[Path]:
    """The files of a source: itself, or its shards."""
    return sorted(source.parent.glob("shards-*")) if source.name == SHARDS else [source]


def copied(source: Path, flush: bool) -> dict[str, float]:
    """Seconds."""
    copies = [part.with_name(f"made-{part.name}") for part in parts(source)]
    start = time.perf_counter()
    for part, copy in zip(parts(source), copies, strict=True):
        shutil.copyfile(part, copy)
    if flush:
        to_disk(copies)
    return {"seconds": time.perf_counter() - start}


def settle(source: Path) -> None:
    """No write is pending, the source is in the page cache, and the memory to be written to is the machine's own."""
    os.sync()
    size = 0
    for part in parts(source):
        with part.open("rb", buffering=0) as file:
            while count := len(file.read(1 << 20)):
                size += count
    np.ones(size * 5 // 4, np.uint8)


def measured(source: str, destination: str, shard_bytes: str, flush: str) -> None:
    """Print one measurement, of a conversion or, without a destination, of a copy."""
    settle(Path(source))
    if destination:
        found = convert(Path(source), Path(destination), int(shard_bytes), flush == "True")
    else:
        found = copied(Path(source), flush == "True")
    print(json.dumps(found))


def run_once(home: Path, source: str, destination: str, shard_bytes: int, flush: bool) -> dict[str, float]:
    """A copy and a conversion, each in its own process, both from the same state."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    code = "import sys; from benchmarks.convert_throughput import measured; measured(*sys.argv[1:])"
    found = []
    for target in ("", str(home / destination)):
        command = [sys.executable, "-c", code, str(home / source), target, str(shard_bytes), str(flush)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        found.append(json.loads(done.stdout))
        for made in home.glob("made*"):
            made.unlink()
    copy, conversion = found
    return {"copy": copy["seconds"], **conversion}


@click.command()
@click.option("--gigabytes", default=2.0, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the files lie; default: a temporary folder.")
@click.option("--flush", is_flag=True, help="Wait until the disk has the bytes, in both times.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where every time measured is written.")
def main(gigabytes: float, rounds: int, folder: Path | None, flush: bool, json_file: Path | None) -> None:
    found: dict[tuple[str, str], list[dict[str, float]]] = {job: [] for job in JOBS}
    shard_bytes = int(gigabytes * 1e9 / 4)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        synthetic(home / "torch.pth", gigabytes)
        for other in SOURCES[1:3]:
            convert(home / "torch.pth", home / other, 0, False)
        shards = open_checkpoint(home / "torch.pth").tensors
        write_checkpoint(home / "shards.safetensors", shards, shard_bytes=shard_bytes)
        for number in range(1, rounds + 1):
            for job in JOBS:
                run = run_once(home, *job, shard_bytes, flush)
                found[job].append(run)
                click.echo(f"round {number}: {' → '.join(job)}: {run['copy']:.2f} s, {run['seconds']:.2f} s", err=True)
        total = sum(part.stat().st_size for part in parts(home / SHARDS))
    largest = max(tensor.nbytes for tensor in shards.values())
    click.echo(f"{total / 1e9:.2f} GB, largest tensor {largest / 1e6:.0f} MB, {rounds} rounds; seconds are medians")
    for (source, destination), runs in found.items():
        copy, made = (statistics.median(run[key] for run in runs) for key in ("copy", "seconds"))
        ratios = [run["seconds"] / run["copy"] for run in runs]
        click.echo(
            f"{source.removesuffix('.index.json'):18} → {destination:16} copy {copy:5.2f} s  convert {made:5.2f} s  "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})  "
            f"memory {max(run['memory'] for run in runs) / 1e6:.0f} MB"
        )
    if json_file is not None:
        rows = [{"from": source, "to": destination, "runs": runs} for (source, destination), runs in found.items()]
        json_file.write_text(json.dumps({"bytes": total, "flush": flush, "jobs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
