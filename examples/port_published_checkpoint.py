"""Port a published torch checkpoint to Paddle, and show that it still sees the same digit in the same places.

    python examples/port_published_checkpoint.py FOLDER [--out attention]

FOLDER holds what Non-local_pytorch released: net.pth (its trained MNIST network), sample.png (one digit) and
nl_map_1.npy, nl_map_2.npy (the attention maps that its authors saved for that digit).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import nlblocks
from nlblocks import maps

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "published" / "nonlocal_mnist"
FILES = ("net.pth", "sample.png", "nl_map_1.npy", "nl_map_2.npy")
DTYPES: tuple[nlblocks.backend.DType, ...] = ("float64", "float32")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT if DEFAULT.is_dir() else None)
    parser.add_argument("--out", type=Path, default=Path("attention"), help="the folder for the pictures")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("FOLDER is missing: give the folder that holds " + ", ".join(FILES))
    missing = [name for name in FILES if not (options.folder / name).is_file()]
    if missing:
        parser.error(f"{options.folder} has no {', '.join(missing)}")

    spec = nlblocks.dialects.get("alexhex7").spec("Network")
    (digit,) = maps.read_images([options.folder / "sample.png"], channels=1)
    published = {f"nl_{i}": np.load(options.folder / f"nl_map_{i}.npy") for i in (1, 2)}
    for dtype in DTYPES:
        runs = {}
        for backend in ("torch", "paddle"):
            # The reader executes nothing that the file asks for, and needs no torch.
            net = nlblocks.load(options.folder / "net.pth", backend, spec, dialect="alexhex7", dtype=dtype)
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
    for name, expected in published.items():
        print(
            f"  map {name}: torch against Paddle {distance(torch_maps[name], paddle_maps[name]):.1e}, "
            f"torch against published {distance(torch_maps[name], expected):.1e}, "
            f"Paddle against published {distance(paddle_maps[name], expected):.1e}"
        )


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(left - right).max())


if __name__ == "__main__":
    sys.exit(main())
