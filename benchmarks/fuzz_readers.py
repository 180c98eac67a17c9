"""Feed the checkpoint readers files that hypothesis makes up, convert what they read, and count what they answer.

    python benchmarks/fuzz_readers.py --seconds 600 --seed 1 [--json fuzz.json]

Each file is a good one that was damaged, or opcodes at random in one of the pickle formats. The one acceptable error is
an InputError of one line: anything else stops the run, prints the seed and hypothesis's smallest example, and exits 1.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import DTYPES, in_memory, open_checkpoint, write_checkpoint
from nlblocks.weights.files.constructors import NAMES
from nlblocks.weights.files.pickle_writer import global_, integer, text
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.torch_file import MAGIC
from nlblocks.weights.files.zip_writer import ZipWriter
from nlblocks.weights.meaning import Layout
from nlblocks.weights.recognise import recognise

BATCH = 500
WAYS: tuple[tuple[Layout, Layout], ...] = (("paddle", "torch"), ("torch", "paddle"))
MODULES = [*sorted(NAMES), "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
           "torch._utils._rebuild_parameter", "collections.OrderedDict", "numpy.core.multiarray._reconstruct",
           "numpy._core.numeric._frombuffer", "numpy.core.multiarray.scalar", "numpy.dtype", "_codecs.encode",
           "builtins.set", "builtins.complex", "torch.Size", "posix.system"]  # fmt: skip


def good_files(folder: Path) -> list[bytes]:
    """One small file of every format, with notes for each kind of layer that a conversion renames."""
    stream = np.random.default_rng(0)
    shapes = {"0.fc.weight": (3, 2), "act.weight": (1,), "own.scale": (2,), "own.bias": (2,), "bn._mean": (2,),
              "bn._variance": (2,), "q_proj.weight": (2, 2), "k_proj.weight": (2, 2), "wn.weight_g": (2,),
              "wn.weight_v": (2, 2), "sn.weight_orig": (2, 1, 1), "sn.weight_u": (2,), "sn.weight_v": (1,),
              "b.weight": (2, 1, 1), "b.bias": (1, 2), "ln.weight": (6,), "ln.bias": (6,), "l.weight_ih_l0": (8, 1),
              "l.0.cell.weight_ih": (8, 1), "l.0.cell.weight_hh": (8, 1), "l.0.cell.bias_ih": (8,),
              "l.0.cell.bias_hh": (8,), "l.0.cell.weight_ho": (2, 1)}  # fmt: skip
    state = {name: in_memory(stream.normal(size=shape), DTYPES["float64"]) for name, shape in shapes.items()}
    state["l.weight_ih_l0"] = state["l.0.cell.weight_ih"]
    record = {"num_batches_tracked": {"bn.num_batches_tracked": 3}, "separate_attention": [""],
              "renamed_weights": ["own."], "kept_weights": ["act."], "weight_norm_axes": {"wn.weight": 0},
              "parametrised": ["sn.weight"], "kept_weight_norms": ["x"], "bilinear": ["b."],
              "kept_decoders": ["x"], "layer_norm_shapes": {"ln.": [2, 3]}, "kept_layer_norms": ["x"]}  # fmt: skip
    for name in ("m.pth", "m.safetensors", "m.pdparams"):
        write_checkpoint(folder / name, state, spec={"kind": "x"}, record=record)
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in state.items()}
    np.savez(folder / "m.npz", **arrays)
    np.savez_compressed(folder / "c.npz", **arrays)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def opcodes() -> st.SearchStrategy[bytes]:
    """Single pickle opcodes with plausible arguments."""
    numbers = st.one_of(st.integers(0, 40), st.integers(0, 1 << 70)).map(integer)
    names = st.sampled_from(MODULES).map(lambda name: global_(*name.rsplit(".", 1)))
    words = st.sampled_from(["storage", "0", "cpu", "a", "f4", "O8", "<", "latin1", "F"]).map(text)
    plain = st.sampled_from(
        [bytes([code]) for code in b"().0123abdelostuNQR]}\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94"]
    )
    data = st.binary(max_size=12).map(lambda raw: b"C" + bytes([len(raw)]) + raw)
    memo = st.tuples(st.sampled_from([b"q", b"h"]), st.integers(0, 5)).map(lambda pair: pair[0] + bytes([pair[1]]))
    return st.one_of(plain, plain, numbers, names, words, data, memo, st.binary(min_size=1, max_size=3))


def wrapped(body: bytes, kind: int) -> bytes:
    """A pickle in the .pdparams, the old torch or the zip format."""
    pickled = b"\x80\2" + body + b"."
    if kind == 0:
        return pickled
    if kind == 1:
        return MAGIC + b"\x80\2M\xe9\3." + b"\x80\2}" + text("little_endian") + b"\x88s." + pickled + b"\x80\2]."
    out = io.BytesIO()
    with Sink(out) as sink:
        archive = ZipWriter(sink, "archive/")
        archive.add("data.pkl", pickled)
        archive.add("data/0", b"\0" * 16)
        archive.close()
    return out.getvalue()


def damaged(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Good files with bytes changed, cut out, put in, repeated, and with numbers made large."""

    def damage(base: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        data = bytearray(base)
        for kind, place, value in changes:
            at = place % (len(data) + 1)
            if kind == 0:
                data[at : at + len(value)] = value
            elif kind == 1:
                data[at:at] = value
            elif kind == 2:
                del data[at : at + len(value) * 3]
            elif kind == 3:
                data[at:at] = data[at : at + 64]
            else:
                del data[at:]
        return bytes(data)

    values = st.one_of(
        st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\xff" * 8, b"\0" * 8, b"\x7f" * 4])
    )
    changes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1 << 16), values), min_size=1, max_size=6)
    return st.builds(damage, st.sampled_from(whole), changes)


@click.command()
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--seed", "start_seed", type=int, help="Default: drawn, and printed.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the figures are written.")
def main(seconds: float, start_seed: int | None, json_file: Path | None) -> None:
    start_seed = random.SystemRandom().randrange(1 << 32) if start_seed is None else start_seed
    click.echo(f"seed {start_seed}")
    counts: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = good_files(folder)
        target = folder / "fuzzed"
        pickles = st.builds(wrapped, st.lists(opcodes(), max_size=40).map(b"".join), st.integers(0, 2))
        files = st.one_of(damaged(whole), damaged(whole), pickles, st.binary(max_size=200))

        def attempt(data: bytes) -> None:
            nonlocal slowest
            target.write_bytes(data)
            start = time.perf_counter()
            try:
                checkpoint = open_checkpoint(target, "")
                for tensor in checkpoint.values():
                    tensor.tobytes()
                recognise({key: tensor.shape for key, tensor in checkpoint.items()})
                counts[f"read as {checkpoint.format}"] += 1
                for source, destination in WAYS:
                    options = Options(source=source, target=destination, linear=["*fc.*"], plain=["*"])
                    for tensor in plan(checkpoint.tensors, options, checkpoint.record).tensors.values():
                        tensor.tobytes()
                counts["converted both ways"] += 1
            except InputError as error:
                counts["refused" if "\n" not in str(error) else "of several lines"] += 1
            slowest = max(slowest, time.perf_counter() - start)

        begin = time.monotonic()
        batch = 0
        while time.monotonic() - begin < seconds:
            options = settings(
                max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            )  # fmt: skip
            seed(start_seed + batch)(options(given(files)(attempt)))()
            batch += 1
            if counts["of several lines"]:
                raise SystemExit(f"an error of several lines under seed {start_seed + batch - 1}")
        elapsed = time.monotonic() - begin
    figures = {"seed": start_seed, "seconds": round(elapsed, 1), **counts, "slowest_file_s": round(slowest, 4)}
    click.echo(json.dumps(figures))
    if json_file is not None:
        json_file.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
