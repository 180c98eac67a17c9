"""The truth of the pairs, established without the lab: ``python -m benchmarks.strangers.truth build/strangers``.

Weights are copied from the left to the right in the order in which layers run, where their shapes are the same, else by
the rules of :mod:`.rules`; what is known to differ is put right by :mod:`.mends`. Outputs are then compared directly,
in float64, in evaluation and in training without dropout. Pairs that nothing puts right (other widths, other networks)
have no number here.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.strangers.mends import MENDS
from benchmarks.strangers.models import build, fetch, install
from benchmarks.strangers.rules import RULES

ROUNDING = 1e-6
"""Outputs that differ by less are equal. Deep models of random weights amplify rounding: the worst equal pair here has
4e-8, the least true difference that was put right 8e-7 of the largest output, and 1e-13 when it was."""
ROLES = {"_mean": "running_mean", "_variance": "running_var"}
Module = tuple[str, Any]


def main() -> None:
    """Say how far apart the outputs of each pair are that is the same, or can be made so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds the packages, and gets them if it does not")
    parser.add_argument("names", nargs="*", help="pairs; all unless given")
    given = parser.parse_args()
    fetch(given.folder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "paddle"])
    wrong = False
    for pair in json.loads((Path(__file__).parent / "pairs.json").read_text(encoding="utf-8")):
        name = pair["name"]
        if (given.names and name not in given.names) or not (pair["truth"]["same"] or name in MENDS):
            continue
        pool = context.Pool(1)  # a process of its own: Paddle's models name their parameters once
        gaps = pool.apply(distances, (pair, given.folder))
        pool.close()
        pool.join()
        wrong |= not max(gaps) < ROUNDING
        how = "as they are" if pair["truth"]["same"] else "put right"
        print(f"{name}, {how}: evaluation {gaps[0]:.0e}, training {gaps[1]:.0e}", flush=True)
    sys.exit(1 if wrong else 0)


def distances(pair: dict[str, Any], folder: Path) -> tuple[float, float]:
    """How far apart the outputs are, in units of the largest, in evaluation and in training without dropout."""
    warnings.simplefilter("ignore")
    install(folder)
    import torch

    torch.manual_seed(0)
    left, right = (build(pair[side], pair[f"{side}_arguments"]) for side in ("left", "right"))
    if pair["name"] in MENDS:
        MENDS[pair["name"]](left, right)
    randomise(left)
    in_float64(left, right)
    x = np.random.default_rng(1).normal(size=(2, 3, pair["size"], pair["size"]))
    if pair["name"] in RULES:
        RULES[pair["name"]](left, right, copy, [[m for _, m in _running(model, x)] for model in (left, right)])
    else:
        for mine, theirs in in_order(left, right, x):
            copy(mine, theirs)
    evaluated = apart(left, right, x, training=False)
    for model in (left, right):
        undropped(model)
    return evaluated, apart(left, right, x, training=True)


def own(module: Any) -> dict[str, Any]:
    """The tensors that a layer holds itself, running statistics among them, by torch's names."""
    found = {**module._parameters, **{name: t for name, t in module._buffers.items() if "running" in name}}
    found |= {ROLES[name]: t for name, t in module._buffers.items() if name in ROLES}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def named(model: Any) -> list[Module]:
    """All layers of a model, itself among them."""
    if hasattr(model, "named_modules"):
        return list(model.named_modules())
    return list(model.named_sublayers(include_self=True))


def randomise(model: Any) -> None:
    """Values that tell: what is constant when a model is made hides differences."""
    import torch

    generator = np.random.default_rng(0)
    with torch.no_grad():
        for name, tensor in ((name, tensor) for _, module in named(model) for name, tensor in own(module).items()):
            old, shape = tensor.numpy(), tuple(tensor.shape)
            if name == "running_var" or (name != "running_mean" and old.std() < 1e-3 and old.mean() > 0.5):
                tensor.copy_(torch.tensor(generator.uniform(0.5, 1.5, shape)))
            elif name == "running_mean" or old.ndim <= 1 or old.std() < 1e-3:
                tensor.copy_(torch.tensor(generator.normal(0.0, 0.3, shape)))


def in_float64(left: Any, right: Any) -> None:
    """Both models; tables of integers stay what they are, which Paddle would cast too."""
    import paddle

    left.double()
    paddle.set_default_dtype("float64")
    kept = [
        (layer, name, tensor.clone())
        for _, layer in named(right)
        for name, tensor in layer._buffers.items()
        if tensor is not None and "int" in str(tensor.dtype)
    ]
    right.to(dtype="float64")
    for layer, name, tensor in kept:
        layer._buffers[name] = tensor


def in_order(left: Any, right: Any, x: Any) -> list[tuple[Any, Any]]:
    """The layers of both sides that hold tensors, in the order in which they first run. Raises where shapes differ."""
    sides = [_running(model, x) for model in (left, right)]
    if [_shapes(m) for _, m in sides[0]] != [_shapes(m) for _, m in sides[1]]:
        raise ValueError("the layers run in another order, or are of other shapes: write a rule")
    return [(mine, theirs) for (_, mine), (_, theirs) in zip(*sides, strict=True)]


def _running(model: Any, x: Any) -> list[Module]:
    seen: dict[int, Module] = {}
    hooks = [
        module.register_forward_pre_hook(lambda m, _, name=name: seen.setdefault(id(m), (name, m)) and None)
        for name, module in named(model)
        if own(module)
    ]
    outputs(model, x, training=False)
    for hook in hooks:
        hook.remove()
    return list(seen.values())


def _shapes(module: Any) -> list[tuple[int, ...]]:
    return sorted(tuple(n for n in sorted(tensor.shape) if n != 1) for tensor in own(module).values())


def copy(mine: Any, theirs: Any) -> None:
    """A layer's tensors, by name where the names are the same, else in order; Paddle's Linear is the other way round.

    What only Paddle's layer has (the projection that CLIP's classifier does not use) is left as it is.
    """
    import paddle

    left, right = own(mine), own(theirs)
    names = [(name, name) for name in left] if set(left) <= set(right) else list(zip(left, right, strict=True))
    for name, other in names:
        value, target = left[name].detach().numpy(), right[other]
        if isinstance(theirs, paddle.nn.Linear) and other == "weight":
            value = value.reshape(value.shape[0], -1).T
        assert [n for n in value.shape if n != 1] == [n for n in target.shape if n != 1], (name, other)
        target.set_value(paddle.to_tensor(value.reshape(target.shape)))


def apart(left: Any, right: Any, x: Any, *, training: bool) -> float:
    """The largest difference of any output, in units of the largest value in it."""
    pairs = zip(outputs(left, x, training=training), outputs(right, x, training=training), strict=True)
    return max(float(np.abs(mine - other).max() / np.abs(mine).max()) for mine, other in pairs)


def outputs(model: Any, x: Any, *, training: bool) -> list[Any]:
    """What a model returns, as arrays."""
    import paddle
    import torch

    model.train()  # what a model keeps from its last evaluation is of other weights
    if not training:
        model.eval()
    made = torch.tensor if isinstance(model, torch.nn.Module) else paddle.to_tensor
    with torch.no_grad(), paddle.no_grad():
        return [one.numpy() for one in _flat(model(made(x)))]


def _flat(value: Any) -> list[Any]:
    return [one for part in value for one in _flat(part)] if isinstance(value, list | tuple) else [value]


def undropped(model: Any) -> None:
    """Nothing is dropped in training."""
    for _, module in named(model):
        for name in ("p", "drop_prob", "drop_connect_rate"):
            if hasattr(module, name) and ("Drop" in type(module).__name__ or name != "p"):
                setattr(module, name, 0.0)


if __name__ == "__main__":
    main()
