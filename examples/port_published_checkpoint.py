"""Load one checkpoint in torch and in Paddle, and show that both see the same digit in the same places.

    python examples/port_published_checkpoint.py [--out attention]           # our own DigitNet, in digit_net/
    python examples/port_published_checkpoint.py FOLDER [--out attention]    # the published one

FOLDER holds what the GitHub repository AlexHex7/Non-local_pytorch released (Apache-2.0; fetch it from there, it is not
ours to ship): the weights of its MNIST network as net.pth, one test digit of 28×28 as sample.png, and the attention
maps that its authors saved for that digit as nl_map_1.npy [1, 196, 49] and nl_map_2.npy [1, 49, 9].

Needs nlblocks[all,pictures].
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import nlblocks
from nlblocks import maps

OURS = Path(__file__).resolve().parent / "digit_net"
FILES = ("net.pth", "sample.png", "nl_map_1.npy", "nl_map_2.npy")
SOURCE = (
    "they are released by the GitHub repository AlexHex7/Non-local_pytorch; without FOLDER our own DigitNet is taken"
)
DTYPES: tuple[nlblocks.backend.DType, ...] = ("float64", "float32")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="the published files; default: our own DigitNet")
    parser.add_argument("--out", type=Path, default=Path("attention"), help="the folder for the pictures")
    options = parser.parse_args()
    folder, spec, dialect = options.folder, None, None
    weights, image, published = OURS / "digit_net.safetensors", OURS / "digit.png", {}
    if folder is not None:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            parser.error(f"{folder} has no {', '.join(missing)}: {SOURCE}")
        weights, image = folder / "net.pth", folder / "sample.png"
        dialect = "alexhex7"
        spec = nlblocks.dialects.get(dialect).spec("Network")
        published = {f"nl_{i}": np.load(folder / f"nl_map_{i}.npy") for i in (1, 2)}

    (digit,) = maps.read_images([image], channels=1)
    for dtype in DTYPES:
        runs = {}
        for backend in ("torch", "paddle"):
            # The reader executes nothing that the file asks for, and needs no torch.
            net = nlblocks.load(weights, backend, spec, dialect=dialect, dtype=dtype)
            runs[backend] = nlblocks.run(net, digit.values[None], return_attention=True)
        report(dtype, runs, published)

    print(f"pictures: {maps.draw(net, [digit], options.out).page} and beside it")  # of the last: Paddle, in float32
    return 0


def report(dtype: str, runs: dict[str, nlblocks.Run], published: dict[str, np.ndarray]) -> None:
    """Print what each backend sees and the largest differences."""
    print(dtype)
    for backend, run in runs.items():
        print(f"  {backend} sees class {run.output.argmax()}, logit {run.output.max():.4f}")
    torch_maps, paddle_maps = (dict(runs[backend].attention) for backend in ("torch", "paddle"))
    print(f"  logits: torch against Paddle {distance(runs['torch'].output, runs['paddle'].output):.1e}")
    for name, found in torch_maps.items():
        line = f"  map {name}: torch against Paddle {distance(found, paddle_maps[name]):.1e}"
        if name in published:
            line += (
                f", torch against published {distance(found, published[name]):.1e}, "
                f"Paddle against published {distance(paddle_maps[name], published[name]):.1e}"
            )
        print(line)


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(left - right).max())


if __name__ == "__main__":
    sys.exit(main())
