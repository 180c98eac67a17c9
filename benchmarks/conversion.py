"""Whole models' checkpoints converted both ways, held to what their layers are: ``python -m benchmarks.conversion``.

The truth comes from the classes of the layers, which no conversion sees: a Linear's weight is turned, a BatchNorm's
statistics have other names, all else is as it was. torchvision's models are made without memory for their weights;
PaddleClas' are looked for with ``--paddleclas FOLDER``, where pip has put the package (--no-deps --target FOLDER).
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import numpy as np

from nlblocks.errors import InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import DTYPES, Made, Tensor

OTHER = {"torch": "paddle", "paddle": "torch"}
Truth = dict[str, tuple[str, bool]]
"""Name in torch → (name in Paddle, whether it is turned)."""


def stand_in(shape: tuple[int, ...], dtype: str) -> Tensor:
    """A tensor of zeros that takes no memory until it is read."""
    row = DTYPES[dtype]
    return Made(row, shape, lambda: np.zeros(shape, row.bits))


def torchvision() -> Iterator[tuple[str, dict[str, Tensor], Truth]]:
    """Every classifier: its state, and the truth of each of its layers."""
    import torch
    from torch import nn

    from benchmarks.zoo.vision import torchvision_models

    models = torchvision_models()
    widths = models.regnet.BlockParams.from_init_params

    def on_cpu(*args: Any, **options: Any) -> Any:  # it computes widths by tensors, which have no values elsewhere
        with torch.device("cpu"):
            return widths(*args, **options)

    models.regnet.BlockParams.from_init_params = on_cpu
    for name in models.list_models(module=models):
        with torch.device("meta"):
            model = models.get_model(name, weights=None)
        state = {
            key: stand_in(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in model.state_dict().items()
        }
        truth: Truth = {}
        for path, layer in model.named_modules():
            start = f"{path}." if path else ""
            for leaf in (*layer._parameters, *layer._buffers):
                key = start + leaf
                if key not in state or leaf == "num_batches_tracked":
                    continue
                norm = isinstance(layer, nn.modules.batchnorm._BatchNorm)
                other = {"running_mean": "_mean", "running_var": "_variance"}.get(leaf, leaf) if norm else leaf
                if isinstance(layer, nn.MultiheadAttention) and leaf.startswith("in_proj"):
                    other = f"q_proj.{leaf.removeprefix('in_proj_')}"
                linear = isinstance(layer, nn.Linear) and leaf == "weight"
                truth[key] = start + other, linear or leaf == "in_proj_weight"
        yield name, state, truth


def paddleclas(folder: Path, only: str) -> Iterator[tuple[str, dict[str, Tensor], Truth]]:
    """The smallest model of every file of backbones that can be made from its name alone."""
    sys.path.insert(0, str(folder))
    for package in ("ppcls", "ppcls.arch", "ppcls.arch.backbone"):
        made = types.ModuleType(package)
        found = importlib.util.find_spec("paddleclas")
        root = Path(str(found.origin)).parent if found and found.origin else folder
        made.__path__ = [str(root / package.replace(".", "/")), str(folder / package.replace(".", "/"))]
        sys.modules.setdefault(package, made)
    roots = [Path(place) for place in sys.modules["ppcls.arch.backbone"].__path__]
    for file in sorted(file for root in roots for file in root.rglob("*.py")):
        root = next(root for root in roots if root in file.parents)
        module = ".".join(["ppcls.arch.backbone", *file.relative_to(root).with_suffix("").parts])
        try:
            found_module = importlib.import_module(module)
        except Exception as error:  # a package that is not there: other files can be tried
            click.echo(f"{module}: {type(error).__name__}: {error}", err=True)
            continue
        for name in vars(found_module).get("MODEL_URLS", {}):
            made_model = _made(vars(found_module).get(name)) if fnmatchcase(name, only) else None
            if made_model is not None:
                yield name, *_truth(made_model)
                break


def _made(make: Any) -> Any:
    if not callable(make):
        return None
    try:
        known = inspect.signature(make).parameters
        return make(**({"pretrained": False} if "pretrained" in known else {}))
    except Exception:  # it wants more than its name
        return None


def _truth(model: Any) -> tuple[dict[str, Tensor], Truth]:
    from paddle import nn

    state = {
        key: stand_in(tuple(t.shape), str(t.dtype).removeprefix("paddle.")) for key, t in model.state_dict().items()
    }
    truth: Truth = {}
    for path, layer in model.named_sublayers(include_self=True):
        start = f"{path}." if path else ""
        for leaf in (*layer._parameters, *layer._buffers):
            key = start + leaf
            if key not in state:
                continue
            other = leaf
            if isinstance(layer, nn.layer.norm._BatchNormBase | nn.BatchNorm):
                other = {"_mean": "running_mean", "_variance": "running_var"}.get(leaf, leaf)
            elif isinstance(layer, nn.PReLU | nn.layer.norm._InstanceNormBase) and leaf in ("_weight", "scale"):
                other = "weight"
            truth[start + other] = key, isinstance(layer, nn.Linear) and leaf == "weight"
    return state, truth


def verdict(state: dict[str, Tensor], truth: Truth, framework: str) -> dict[str, str]:
    """By direction: "right", "asked: ..." or "WRONG: ...". The way back is without a record, as another's file is."""
    found = {}
    try:
        there = plan(state, Options(source=framework, target=OTHER[framework]))
        found[f"from {framework}"] = _held(there, truth, framework)
    except InputError as error:
        return {f"from {framework}": f"asked: {str(error)[:300]}"}
    try:
        back = plan(there.tensors, Options(source=OTHER[framework], target=framework))
        found[f"from {OTHER[framework]}"] = _held(back, truth, OTHER[framework])
    except InputError as error:
        found[f"from {OTHER[framework]}"] = f"asked: {str(error)[:300]}"
    return found


def _held(planned: Any, truth: Truth, source: str) -> str:
    rows = {name: row for row in planned.rows for name in row.sources}
    wrong, noted = [], " ".join(planned.notes)
    for ours, (theirs, turned) in truth.items():
        name, wanted = (ours, theirs) if source == "torch" else (theirs, ours)
        row = rows.get(name)
        targets = [each.target for each in planned.rows if name in each.sources]
        if row is None or wanted not in targets or ("turned" in row.action) != turned:
            wrong.append(name)
    if not wrong:
        return f"right{' with notes' if noted else ''}"
    silent = [name for name in wrong if name not in noted]
    return f"{'WRONG' if silent else 'said'}: {', '.join((silent or wrong)[:4])}"


@click.command()
@click.option("--only", default="*", help="A pattern of model names.")
@click.option("--paddleclas", "folder", type=click.Path(path_type=Path, exists=True), help="Where that package is.")
def main(only: str, folder: Path | None) -> None:
    """Convert every model's checkpoint both ways; exit status 1 where something is silently wrong."""
    warnings.simplefilter("ignore")
    tried: Counter[str] = Counter()
    models = paddleclas(folder, only) if folder is not None else torchvision()
    for name, state, truth in models:
        if not fnmatchcase(name, only):
            continue
        for direction, said in verdict(state, truth, "paddle" if folder is not None else "torch").items():
            tried[f"{direction}: {said.split(':')[0]}"] += 1
            if said != "right":
                click.echo(f"{name}, {direction}: {said}")
    click.echo("; ".join(f"{what} {count}" for what, count in sorted(tried.items())))
    sys.exit(1 if any("WRONG" in what for what in tried) else 0)


if __name__ == "__main__":
    main()
