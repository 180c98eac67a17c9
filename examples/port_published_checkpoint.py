"""Port a published torch checkpoint to Paddle, and show that it still sees the same digit in the same places.

    python examples/port_published_checkpoint.py FOLDER [--out attention.png]

FOLDER holds what Non-local_pytorch released: net.pth (its trained MNIST network), sample.png (one digit) and
nl_map_1.npy, nl_map_2.npy (the attention maps that its authors saved for that digit).
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

import nlblocks

mpl.use("Agg")
import matplotlib.pyplot as plt

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "published" / "nonlocal_mnist"
FILES = ("net.pth", "sample.png", "nl_map_1.npy", "nl_map_2.npy")
QUERIES = 3
DTYPES: tuple[nlblocks.backend.DType, ...] = ("float64", "float32")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT if DEFAULT.is_dir() else None)
    parser.add_argument("--out", type=Path, default=Path("attention.png"), help="where the picture goes")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("FOLDER is missing: give the folder that holds " + ", ".join(FILES))
    missing = [name for name in FILES if not (options.folder / name).is_file()]
    if missing:
        parser.error(f"{options.folder} has no {', '.join(missing)}")

    spec = nlblocks.dialects.get("alexhex7").spec("Network")
    digit = np.asarray(Image.open(options.folder / "sample.png").convert("L"), dtype=np.float32) / 255
    published = {f"nl_{i}": np.load(options.folder / f"nl_map_{i}.npy") for i in (1, 2)}
    maps = {}
    for dtype in DTYPES:
        runs = {}
        for backend in ("torch", "paddle"):
            # The reader executes nothing that the file asks for, and needs no torch.
            net = nlblocks.load(options.folder / "net.pth", backend, spec, dialect="alexhex7", dtype=dtype)
            runs[backend] = nlblocks.run(net, digit[None, None], return_attention=True)
        maps[dtype] = report(dtype, runs, published)

    draw(digit, maps["float64"], options.out)
    print(f"picture: {options.out}")
    return 0


def report(dtype: str, runs: dict[str, nlblocks.Run], published: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Print what each backend sees and the largest differences; return Paddle's maps."""
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
    return paddle_maps


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(left - right).max())


def draw(digit: np.ndarray, maps: dict[str, np.ndarray], path: Path) -> None:
    """One row a layer: the digit with a query position marked, and beside it where that position looks."""
    figure, axes = plt.subplots(len(maps), 2 * QUERIES, figsize=(2.1 * 2 * QUERIES, 4.6), layout="constrained")
    for row, (name, attention) in zip(axes, maps.items(), strict=True):
        n, m = attention.shape[1:]
        side, key_side = int(n**0.5), int(m**0.5)
        scale = digit.shape[0] / side
        for index, query in enumerate(query_positions(digit, side)):
            y, x = divmod(query, side)
            left, right = row[2 * index], row[2 * index + 1]
            left.imshow(digit, cmap="gray")
            left.add_patch(plt.Rectangle((x * scale - 0.5, y * scale - 0.5), scale, scale, fill=False, ec="red", lw=2))
            left.set_title(f"{name}: query ({y}, {x})", fontsize=9)
            weights = attention[0, query].reshape(key_side, key_side)
            reach = key_side * (side // key_side) * scale - 0.5  # pooling rounds extents down
            shown = right.imshow(weights, cmap="magma", vmin=0.0, extent=(-0.5, reach, reach, -0.5))
            right.contour(digit, levels=[0.5], colors="white", linewidths=0.8)
            right.set(xlim=left.get_xlim(), ylim=left.get_ylim(), facecolor="dimgray")
            right.set_title(f"looks at ({key_side}×{key_side} keys)", fontsize=9)
            figure.colorbar(shown, ax=right, shrink=0.6).ax.tick_params(labelsize=7)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.suptitle("Where each query position (red) of the digit looks: softmax weights over the pooled positions")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def query_positions(digit: np.ndarray, side: int) -> list[int]:
    """The brightest cell in the upper, middle and lower third of the digit."""
    size = digit.shape[0] // side
    cells = digit.reshape(side, size, side, size).sum((1, 3))
    inked = np.flatnonzero(cells.max(1) > cells.max() / 2)
    bands = np.linspace(inked[0], inked[-1] + 1, QUERIES + 1).astype(int)
    return [int(start * side + cells[start:stop].argmax()) for start, stop in pairwise(bands)]


if __name__ == "__main__":
    sys.exit(main())
