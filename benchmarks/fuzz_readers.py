"""Feed the checkpoint readers files that hypothesis makes up, convert what they read, and count what they answer.

    python benchmarks/fuzz_readers.py --seconds 600 --seed 1 [--json fuzz.json]

Each file is a good one that was damaged (models in several files and other programs' containers too), opcodes at random
in one of the pickle formats, or a whole one of layers that do not fit together. What is converted there and back must
come back bit for bit. The one acceptable error is an InputError of one line: anything else stops the run, prints the
seed and hypothesis's smallest example, and exits 1.
"""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.fuzz_scenes import Scene, scenes
from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import (
    DTYPES,
    Checkpoint,
    Tensor,
    in_memory,
    open_checkpoint,
    safetensors_file,
    write_checkpoint,
)
from nlblocks.weights.files.checkpoint import notes_json
from nlblocks.weights.files.constructors import NAMES
from nlblocks.weights.files.pickle_writer import global_, integer, text
from nlblocks.weights.files.sink import Sink
from nlblocks.weights.files.torch_file import MAGIC
from nlblocks.weights.files.zip_writer import ZipWriter
from nlblocks.weights.recognise import recognise

BATCH = 500
WAYS: tuple[tuple[str, str], ...] = (("paddle", "torch"), ("torch", "paddle"))
MODULES = [*sorted(NAMES), "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
           "torch._utils._rebuild_parameter", "collections.OrderedDict", "numpy.core.multiarray._reconstruct",
           "numpy._core.numeric._frombuffer", "numpy.core.multiarray.scalar", "numpy.dtype", "_codecs.encode",
           "builtins.set", "builtins.complex", "torch.Size", "posix.system", "argparse.Namespace",
           "collections.deque", "collections.defaultdict", "torch._tensor._rebuild_from_type_v2",
           "torch.nn.modules.linear.Linear"]  # fmt: skip
PLACES = ["", "a.", "b.0.", "in1.", "act.", "bilinear.", "embed.", "fc.", "d.linear1.", "d.linear2.", "d.norm1.",
          "d.norm2.", "d.norm3.", "d.self_attn.", "d.cross_attn.", "d.multihead_attn."]  # fmt: skip
CELL = {"weight_ih": (8, 2), "weight_hh": (8, 2), "bias_ih": (8,), "bias_hh": (8,)}
PROJECTED = {"weight_ih": (8, 2), "weight_hh": (8, 1), "bias_ih": (8,), "bias_hh": (8,)}
Tensors = dict[str, tuple[int, ...]]
BOTH: tuple[Tensors, ...] = (
    {"weight": (3, 2), "bias": (3,)}, {"weight": (2, 3), "bias": (3,)}, {"weight": (2, 2)}, {"weight": (2,)},
    {"weight": (2,), "bias": (2,)}, {"weight": (2, 2, 3), "bias": (2,)}, {f"{leaf}_l0": n for leaf, n in CELL.items()},
    {"weight_orig": (2, 3), "weight_u": (2,), "weight_v": (3,), "bias": (2,)},
    {"q_proj.weight": (2, 2), "k_proj.weight": (3, 2), "v_proj.weight": (3, 2), "out_proj.weight": (2, 2)},
    {f"{part}_proj.{leaf}": shape for part in ("q", "k", "v", "out")
     for leaf, shape in (("weight", (2, 2)), ("bias", (2,)))},
)  # fmt: skip
LAYERS: dict[str, tuple[Tensors, ...]] = {
    "torch": (
        *BOTH, {"weight": (2, 3), "bias": (2, 3)}, {"weight_g": (2, 1, 1), "weight_v": (2, 2, 3)},
        {"weight": (2,), "bias": (2,), "running_mean": (2,), "running_var": (2,), "num_batches_tracked": ()},
        {"in_proj_weight": (6, 2), "in_proj_bias": (6,), "out_proj.weight": (2, 2), "out_proj.bias": (2,)},
        {"q_proj_weight": (2, 2), "k_proj_weight": (2, 3), "v_proj_weight": (2, 1), "out_proj.weight": (2, 2)},
        {"weight_g": (1, 2), "weight_v": (2, 2), "bias": (2,)}, {"weight_g": (), "weight_v": (2, 3), "bias": (2,)},
        {"parametrizations.weight.original0": (2, 1), "parametrizations.weight.original1": (2, 3), "bias": (2,)},
        {"parametrizations.weight.original": (2, 1, 1), "parametrizations.weight.0._u": (2,),
         "parametrizations.weight.0._v": (1,)},
        {f"{leaf}_l0{end}": shape for leaf, shape in CELL.items() for end in ("", "_reverse")},
        {"weight_hr_l0": (1, 2), **{f"{leaf}_l0": shape for leaf, shape in PROJECTED.items()}},
    ),
    "paddle": (
        *BOTH, {"scale": (2,), "bias": (2,)}, {"_weight": (1,)}, {"weight": (2, 2, 3), "bias": (1, 2)},
        {"weight": (2,), "bias": (2,), "_mean": (2,), "_variance": (2,)},
        {"weight_g": (2,), "weight_v": (2, 3), "bias": (3,)}, {"weight_g": (2,), "weight_v": (2, 3, 1)},
        {name: shape for leaf, shape in CELL.items() for name in (f"{leaf}_l0", f"0.cell.{leaf}")},
        {"0.cell.weight_ho": (2, 1), **{f"0.cell.{leaf}": shape for leaf, shape in PROJECTED.items()},
         "weight_ih_l0": (8, 2), "weight_hh_l0": (8, 1), "bias_ih_l0": (8,), "bias_hh_l0": (8,)},
    ),
}  # fmt: skip
KEYS = ["num_batches_tracked", "separate_attention", "renamed_weights", "kept_weights", "weight_norm_axes",
        "parametrised", "kept_weight_norms", "bilinear", "kept_bilinear", "kept_norms", "kept_decoders",
        "layer_norm_shapes", "kept_layer_norms", "listed_once"]  # fmt: skip


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


def bits(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (tensor.dtype.name, tensor.shape, tensor.tobytes()) for name, tensor in tensors.items()}


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


def damaged_scenes(whole: list[Scene]) -> st.SearchStrategy[Scene]:
    """Models in several files, one of which is damaged, missing or another one's."""
    others = sorted({data for scene in whole for data in scene.files.values()})

    def one(scene: Scene) -> st.SearchStrategy[Scene]:
        def other(name: str, data: bytes | None) -> Scene:
            files = {key: data if key == name else value for key, value in scene.files.items()}
            return Scene({key: value for key, value in files.items() if value is not None}, scene.opened)

        names = sorted(scene.files)
        broken = [st.builds(other, st.just(name), damaged([scene.files[name]])) for name in names]
        swapped = st.builds(other, st.sampled_from(names), st.one_of(st.none(), st.sampled_from(others)))
        return st.one_of(*broken, *broken, swapped)

    return st.one_of(*map(one, whole))


def build(layout: str, layers: Mapping[str, int], gone: list[int], shaped: Mapping[int, tuple[int, ...]],
          record: dict[str, Any]) -> bytes:  # fmt: skip
    """A safetensors file of layers at places, but for tensors that are gone or of another shape."""
    kinds = LAYERS[layout]
    shapes = {place + leaf: n for place, kind in layers.items() for leaf, n in kinds[kind % len(kinds)].items()}
    order = list(shapes)
    shapes |= {order[index % len(order)]: shape for index, shape in shaped.items()}
    for index in gone:
        shapes.pop(order[index % len(order)], None)
    out, stream = io.BytesIO(), np.random.default_rng(0)
    state = {name: in_memory(stream.normal(size=shape), DTYPES["float64"]) for name, shape in shapes.items()}
    for name in state:
        twin = re.sub(r"^(.*?)([a-z]+_[a-z]+)_l0$", r"\g<1>0.cell.\g<2>", name)
        if twin in state and state[twin].shape == state[name].shape:
            state[name] = state[twin]  # which Paddle lists a second time
    with Sink(out) as sink:
        safetensors_file.write(
            sink, state or {"x": in_memory(np.ones(1), DTYPES["float64"])}, notes_json(None, record), layout
        )
    return out.getvalue()


def made_up() -> st.SearchStrategy[bytes]:
    """Whole safetensors files of layers of either framework, some with a tensor too few or of another shape."""
    places, numbers = st.sampled_from(PLACES), st.integers(0, 99)
    layers = st.dictionaries(places, st.integers(0, 99), min_size=1, max_size=8)
    values = st.one_of(
        st.none(), st.integers(-2, 3), places, st.lists(st.one_of(places, st.integers(0, 4)), max_size=3)
    )
    tables = st.dictionaries(places.map(lambda place: place + "weight"), values, max_size=3)
    nothing: dict[str, Any] = {}
    records = st.one_of(st.just(nothing), st.dictionaries(st.sampled_from(KEYS), st.one_of(values, tables), max_size=3))
    shapes = st.dictionaries(numbers, st.lists(st.integers(0, 4), max_size=3).map(tuple), max_size=1)
    return st.builds(
        build, st.sampled_from(["torch", "paddle"]), layers, st.lists(numbers, max_size=1), shapes, records
    )


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
        place = folder / "fuzzed"
        pickles = st.builds(wrapped, st.lists(opcodes(), max_size=40).map(b"".join), st.integers(0, 2))
        single = st.one_of(damaged(whole), damaged(whole), pickles, made_up(), st.binary(max_size=200))
        files = st.one_of(single.map(lambda data: Scene({"fuzzed": data}, "fuzzed")), damaged_scenes(scenes()))

        def tried(what: str, function: Callable[[], Checkpoint | None]) -> Checkpoint | None:
            """Count what came of it; any error but an InputError of one line ends the run."""
            try:
                found = function()
            except InputError as error:
                counts["of several lines" if "\n" in str(error) else f"{what}: refused"] += 1
                return None
            counts[f"{what}: {found.format if found else 'done'}"] += 1
            return found

        def read(scene: Scene) -> Checkpoint:
            checkpoint = open_checkpoint(place / scene.opened, "")
            for tensor in checkpoint.values():
                tensor.tobytes()
            recognise({key: tensor.shape for key, tensor in checkpoint.items()})
            return checkpoint

        def convert(checkpoint: Checkpoint, source: str, destination: str) -> None:
            there = plan(checkpoint.tensors, Options(source=source, target=destination), checkpoint.record)
            back = plan(there.tensors, Options(source=destination, target=source), there.record)
            assert source != checkpoint.layout or bits(back.tensors) == bits(checkpoint.tensors)

        def attempt(scene: Scene) -> None:
            nonlocal slowest
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            for name, data in scene.files.items():
                (place / name).write_bytes(data)
            start = time.perf_counter()
            checkpoint = tried("read", partial(read, scene))
            for source, destination in WAYS:
                if checkpoint is not None:
                    tried(f"from {source}", partial(convert, checkpoint, source, destination))
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
