"""``nlblocks maps``: where a model's blocks look, on the user's images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nlblocks.backend import VARIABLE, get, installed
from nlblocks.commands.compare import progress
from nlblocks.commands.files import human
from nlblocks.commands.models import load_model
from nlblocks.commands.options import OutputFolder, refuse_fields, refuse_options, spec_from_options
from nlblocks.errors import InputError
from nlblocks.loading import load
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layout import MapLayout
from nlblocks.training.recipes import recipe_named
from nlblocks.weights.files import open_checkpoint

HALVES = ("float16", "bfloat16")
"""What a file is kept in to be small; it is run in float32."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("model")
@click.option("--image", "images", multiple=True, help="PNG, JPEG, or arrays in .npy or .npz; may come several times.")
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="Maps to draw, by name; default: all.")
@click.option("--query", "queries", multiple=True, metavar="Y,X", help="Pixels that the pictures look from.")
@click.option("--size", metavar="H[,W]", help="What images are resized to; default: as they are, or were in training.")
@click.option("--channels", type=int, help="1 (grey) or 3 (RGB); default: the spec's, or as the image is.")
@click.option("--mean", help="Of (x - mean) / std, x in [0, 1]: one number or one each; default: 0, or as in training.")
@click.option("--std", help="Likewise; default: 1, or as in training.")
@click.option("--out", default="maps", show_default=True, type=OutputFolder(), help="The folder to write to.")
@click.option(
    "--backend", help="Of a checkpoint: torch, paddle or reference; default: NLBLOCKS_BACKEND, or the first installed."
)
@click.option("--kind", help="The checkpoint is a block of this kind; its fields follow as --field value.")
@click.option("--dialect", help="Codebase that the checkpoint comes from.")
@click.option("--key", help="Nested dict of the checkpoint to take, e.g. model or ema.state_dict.")
@click.pass_context
def maps(
    ctx: click.Context, model: str, images: tuple[str, ...], layers: tuple[str, ...], queries: tuple[str, ...],
    size: str | None, channels: int | None, mean: str | None, std: str | None, out: Path, backend: str | None,
    kind: str | None, dialect: str | None, key: str | None,
) -> None:  # fmt: skip
    """Draw where a model's blocks look: PNG panels, and a page that shows the map of the position under the pointer.

    MODEL is package.module:name, a torch or Paddle model that holds blocks of the library, or a checkpoint file of a
    block: one that carries its spec, or any with --kind, and --dialect where its names are another codebase's. That of
    a training run gets images as its recipe says, where --size, --mean and --std do not say otherwise. The
    page holds at most 24 million entries; where there are more it has fewer positions, and says so.

    \b
    nlblocks maps net.safetensors --image x.png --image y.png
    nlblocks maps net.pth --dialect alexhex7 --kind digit_net --image digit.png --query 10,12
    nlblocks maps mypkg.models:net --image cat.jpg --size 224 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
    """
    from nlblocks.maps import draw, read_images  # here: the other commands draw nothing

    if kind is None:
        refuse_fields(ctx)
    if not images:
        raise InputError("--image is missing: give one, or several")
    pixels = [(y, x) for y, x in (_numbers("--query", text, 2, 2, whole=True) for text in queries)]
    recipe = _recipe_of(Path(model), images)
    with progress() as say:
        say(f"loading {model}")
        if Path(model).is_file():
            net = _of_file(Path(model), backend, spec_from_options(kind, ctx.args) if kind else None, dialect, key)
        else:
            refuse_options(ctx, "it is for a checkpoint, and MODEL is no file", "backend", "kind", "dialect", "key")
            if ":" not in model:
                raise InputError(f"{model} is neither a file nor package.module:name; give a checkpoint or a model")
            net = load_model(model)
        pictures = read_images(images, **_settings(net, recipe, images, size, channels, mean, std))
        title = f"{Path(model).name if Path(model).is_file() else model}: {type(net).__name__}"
        found = draw(net, pictures, out, layers=layers, queries=pixels, title=title, progress=say)
    click.echo(f"{title} ({found.backend})" + (f", images as {recipe} says" if recipe else ""))
    for name, layout in found.layers.items():
        click.echo(f"  {name}: {_told(layout)}")
    for note in found.notes:
        click.echo(f"nlblocks: note: {note}", err=True)
    click.echo(f"{found.page}: {human(found.page.stat().st_size)}, and {len(found.panels)} panels beside it")


def _of_file(path: Path, backend: str | None, spec: BlockSpec | None, dialect: str | None, key: str | None) -> Any:
    if spec is None and open_checkpoint(path, key).spec is None:
        raise InputError(f"{path} carries no spec; say what it is with --kind: nlblocks inspect recognises blocks")
    chosen = backend or os.environ.get(VARIABLE) or installed()[0]
    net = load(path, chosen, spec, dialect, key)
    if get(chosen).dtype(net) in HALVES:  # which Paddle has no kernels for on a CPU
        return load(path, chosen, spec, dialect, key, "float32")
    return net


def _recipe_of(path: Path, images: Sequence[str]) -> Path | None:
    """The recipe of the run that a checkpoint lies in, if it does; an array is taken as it is."""
    folder = path.absolute().parent
    recipe = folder.parent / "recipe.json"
    of_run = path.is_file() and folder.name == "checkpoints" and recipe.is_file()
    return recipe if of_run and not _arrays(images) else None


def _arrays(images: Sequence[str]) -> bool:
    return any(Path(image).suffix in (".npy", ".npz") for image in images)


def _settings(
    net: Any, recipe: Path | None, images: Sequence[str], size: str | None, channels: int | None, mean: str | None,
    std: str | None,
) -> dict[str, Any]:  # fmt: skip
    """What is done to the images: as the user says, else as the run did that the checkpoint is of."""
    found: dict[str, Any] = {"channels": channels}
    if recipe is not None:
        data = recipe_named(str(recipe)).data
        found |= {"mean": data.mean, "std": data.std} | ({"size": (data.size, data.size)} if data.size else {})
    spec = getattr(net, "spec", None)
    if channels is None and isinstance(spec, BlockSpec) and not _arrays(images):
        wanted = getattr(spec, "in_channels", None)
        found["channels"] = wanted if wanted in (1, 3) else None
    if size is not None:
        extents = _numbers("--size", size, 1, 2, whole=True)
        found["size"] = extents[0], extents[-1]
    return found | {name: _numbers(f"--{name}", text) for name, text in (("mean", mean), ("std", std)) if text}


def _numbers(option: str, text: str, least: int = 1, most: int | None = None, *, whole: bool = False) -> Any:
    """Numbers with commas between them, at least ``least`` and at most ``most``."""
    try:
        found: Sequence[float] = [int(part) if whole else float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) < least or len(found) > (most or len(found)):
        kind = "whole numbers" if whole else "numbers"
        raise InputError(f"{option} {text!r} must be {kind} with commas, such as {SUCH[option]}")
    return found


SUCH = {"--size": "224 or 224,320", "--query": "12,30", "--mean": "0.5 or 0.485,0.456,0.406", "--std": "0.5"}


def _told(layout: MapLayout) -> str:
    grid, keys = ("×".join(map(str, extents)) for extents in (layout.grid, layout.keys))
    return {
        "positions": f"each of {grid} positions reads of {keys}",
        "lines": f"each of {grid} positions reads of its column and row",
        "channels": f"channels read of each other, {grid}",
        "gate": f"{grid} channels are scaled",
        "mask": f"{grid} positions are scaled",
        "region": f"{grid} positions read of a region",
    }[layout.meaning]
