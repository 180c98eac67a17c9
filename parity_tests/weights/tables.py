"""What a framework's table says that layers look like, the frameworks' own layers, and the table of an invented one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from nlblocks.conventions import Attention, BatchNorm, Cells, Conventions, Parametrised, Recurrent, conventions_of
from nlblocks.weights.files import DTYPES, Tensor, in_memory

Shapes = dict[str, tuple[int, ...]]

FABLE = Conventions(
    title="Fable",
    safetensors="fable",
    linear_in_out=True,
    batch_norm=BatchNorm(mean="mu", variance="sigma2", count="seen"),
    instance_norm="gain",
    prelu="slope",
    layer_norm="flat",
    bilinear_bias="row",
    attention=Attention(whole="qkv", part="to_{}", joint=".", out="proj"),
    cross_attention="across",
    recurrent=Recurrent(projection="down", cells=Cells(one="cells.{}", forward="cells.{}.fw", backward="cells.{}.bw")),
    weight_norm="vector",
    parametrised=Parametrised(
        module="parts", weight_norm={"g": "size", "v": "way"}, spectral_norm={"orig": "raw", "u": "u", "v": "v"}
    ),
)
"""A framework of which there is nothing but its table."""


# What a table says that layers look like


def attention(c: Conventions, e: int = 4, k: int = 4, v: int = 4) -> Shapes:
    form, shapes = c.attention, {"weight": matrix(c, e, e), "bias": (e,)}
    found = {f"{form.out}.{leaf}": shape for leaf, shape in shapes.items()}
    if form.whole:
        found[form.fused("bias")] = (3 * e,)
    else:
        found |= {form.separate(part, "bias"): (e,) for part in "qkv"}
    if form.whole and e == k == v:
        return {**found, form.fused("weight"): matrix(c, 3 * e, e)}
    widths = {"q": e, "k": k, "v": v}
    return {**found, **{form.separate(part, "weight"): matrix(c, e, n) for part, n in widths.items()}}


def recurrent(c: Conventions, two: bool = False, layers: int = 1, size: int = 0) -> Shapes:
    """An LSTM from 4 to 3, or with a projection to ``size``."""
    out, cells = size or 3, c.recurrent.cells
    listed: Shapes = {}
    under_cells: Shapes = {}
    for layer in range(layers):
        for reverse in ("", "_reverse") if two else ("",):
            ih = (12, 4 if layer == 0 else out * (1 + two))
            shapes = {"weight_ih": ih, "weight_hh": (12, out), "bias_ih": (12,), "bias_hh": (12,)}
            listed |= {f"{leaf}_l{layer}{reverse}": shape for leaf, shape in shapes.items()}
            projection = {c.recurrent.projection: matrix(c, size, 3)} if size else {}
            if cells is not None:
                cell = cells.module(layer, reverse, two)
                under_cells |= {f"{cell}.{leaf}": shape for leaf, shape in (shapes | projection).items()}
            else:
                listed |= {f"{leaf}_l{layer}{reverse}": shape for leaf, shape in projection.items()}
    if under_cells:  # which deal their tensors to the names of the first listing in order
        listed = dict(zip(listed, under_cells.values(), strict=False))
    return listed | under_cells


def normed(c: Conventions, parametrised: bool) -> Shapes:
    """Weight norm of a convolution and of a Linear, spectral norm of a Linear."""
    found: Shapes = {f"{name}.bias": (3,) for name in ("conv", "fc", "linear")}
    magnitudes = {"conv": (3, 1, 1), "fc": matrix(c, 3, 1)} if c.weight_norm == "axis" else {"conv": (3,), "fc": (3,)}
    weights = {"conv": (3, 2, 4), "fc": matrix(c, 3, 5)}
    for name in ("conv", "fc"):
        parts = {"g": magnitudes[name], "v": weights[name]}
        if parametrised and c.parametrised is not None:
            start, names = f"{name}.{c.parametrised.module}.weight.", c.parametrised.weight_norm
            found |= {start + names[part]: shape for part, shape in parts.items()}
        else:
            found |= {f"{name}.weight_{part}": shape for part, shape in parts.items()}
    parts = {"orig": matrix(c, 3, 5), "u": (3,), "v": (5,)}
    if parametrised and c.parametrised is not None:
        start, names = f"linear.{c.parametrised.module}.weight.", c.parametrised.spectral_norm
        return found | {start + names[part]: shape for part, shape in parts.items()}
    return found | {f"linear.weight_{part}": shape for part, shape in parts.items()}


def matrix(c: Conventions, outputs: int, inputs: int) -> tuple[int, ...]:
    return (inputs, outputs) if c.linear_in_out else (outputs, inputs)


def decoder(c: Conventions) -> Shapes:
    below = {
        "self_attn": attention(c), c.cross_attention: attention(c),
        "linear1": {"weight": matrix(c, 8, 4), "bias": (8,)}, "linear2": {"weight": matrix(c, 4, 8), "bias": (4,)},
        **{f"norm{n}": {"weight": (4,), "bias": (4,)} for n in (1, 2, 3)},
    }  # fmt: skip
    return {f"{name}.{leaf}": shape for name, shapes in below.items() for leaf, shape in shapes.items()}


def said(c: Conventions) -> dict[str, Shapes]:
    """Layer, under a name that tells what it is → its tensors, by a table."""
    counts: Shapes = {c.batch_norm.count: ()} if c.batch_norm.count else {}
    axes = (3, 4) if c.layer_norm == "axes" else (12,)
    return {
        "fc": {"weight": matrix(c, 3, 5), "bias": (3,)},
        "bn": {"weight": (4,), "bias": (4,), c.batch_norm.mean: (4,), c.batch_norm.variance: (4,), **counts},
        "in1": {c.instance_norm: (4,), "bias": (4,)},
        "prelu": {c.prelu: (1,)},
        "norm": {"weight": axes, "bias": axes},
        "bilinear": {"weight": (5, 3, 4), "bias": (5,) if c.bilinear_bias == "vector" else (1, 5)},
        "attn": attention(c), "cross": attention(c, k=3, v=5), "layers.0": decoder(c),
        "lstm": recurrent(c), "both": recurrent(c, two=True), "projected": recurrent(c, layers=2, size=2),
        "both_projected": recurrent(c, two=True, layers=2, size=2),
        "hooks": normed(c, parametrised=False), "parametrised": normed(c, parametrised=True),
    }  # fmt: skip


# The frameworks' own layers


def torch_layers() -> dict[str, Any]:
    import torch
    from torch import nn

    old, new = nn.utils, nn.utils.parametrizations

    def norms(weight: Any, spectral: Any) -> Any:
        layers = {
            "conv": weight(nn.Conv1d(2, 3, 4)),
            "fc": weight(nn.Linear(5, 3)),
            "linear": spectral(nn.Linear(5, 3)),
        }
        return nn.ModuleDict(layers)

    torch.manual_seed(0)
    layers = {
        "fc": nn.Linear(5, 3), "bn": nn.BatchNorm1d(4), "in1": nn.InstanceNorm1d(4, affine=True), "prelu": nn.PReLU(),
        "norm": nn.LayerNorm([3, 4]), "bilinear": nn.Bilinear(3, 4, 5), "attn": nn.MultiheadAttention(4, 2),
        "cross": nn.MultiheadAttention(4, 2, kdim=3, vdim=5), "layers.0": nn.TransformerDecoderLayer(4, 2, 8),
        "lstm": nn.LSTM(4, 3), "both": nn.LSTM(4, 3, bidirectional=True),
        "projected": nn.LSTM(4, 3, 2, proj_size=2), "both_projected": nn.LSTM(4, 3, 2, bidirectional=True, proj_size=2),
        "hooks": norms(old.weight_norm, old.spectral_norm), "parametrised": norms(new.weight_norm, new.spectral_norm),
    }  # fmt: skip
    return {name: layer.state_dict() for name, layer in layers.items()}


def paddle_layers() -> dict[str, Any]:
    import paddle
    from paddle import nn

    weight, spectral = nn.utils.weight_norm, nn.utils.spectral_norm
    hooks = nn.LayerDict({
        "conv": weight(nn.Conv1D(2, 3, 4)), "fc": weight(nn.Linear(5, 3), dim=1), "linear": spectral(nn.Linear(5, 3)),
    })  # fmt: skip
    paddle.seed(0)
    layers = {
        "fc": nn.Linear(5, 3), "bn": nn.BatchNorm1D(4), "in1": nn.InstanceNorm1D(4), "prelu": nn.PReLU(),
        "norm": nn.LayerNorm([3, 4]), "bilinear": nn.Bilinear(3, 4, 5), "attn": nn.MultiHeadAttention(4, 2),
        "cross": nn.MultiHeadAttention(4, 2, kdim=3, vdim=5), "layers.0": nn.TransformerDecoderLayer(4, 2, 8),
        "lstm": nn.LSTM(4, 3), "both": nn.LSTM(4, 3, direction="bidirect"),
        "projected": nn.LSTM(4, 3, 2, proj_size=2),
        "both_projected": nn.LSTM(4, 3, 2, direction="bidirect", proj_size=2),
        "hooks": hooks, "parametrised": hooks,  # Paddle has but one form
    }  # fmt: skip
    return {name: layer.state_dict() for name, layer in layers.items()}


OWN_LAYERS = {"torch": torch_layers, "paddle": paddle_layers}


@cache
def checkpoint(framework: str) -> dict[str, Tensor]:
    """A model that has each of the layers."""
    tensors = {}
    for layer, state in OWN_LAYERS[framework]().items():
        for name, tensor in state.items():
            array = np.array(tensor.numpy())
            tensors[f"{layer}.{name}"] = in_memory(array, DTYPES[array.dtype.name])
    return tensors


def disagreements(c: Conventions, tensors: dict[str, Tensor]) -> list[str]:
    """The layers of a checkpoint that are not as a table says."""
    expected = said(c)
    found: dict[str, Shapes] = {layer: {} for layer in expected}
    for name, tensor in tensors.items():
        layer = next(layer for layer in expected if name.startswith(f"{layer}."))
        found[layer][name.removeprefix(f"{layer}.")] = tensor.shape
    return [layer for layer in expected if found[layer] != expected[layer]]


def as_told_by(framework: str, c: Conventions) -> Conventions:
    """What a table comes to where a framework's file does not tell all of it: nothing is made up."""
    own = conventions_of(framework)
    return replace(
        c,
        batch_norm=c.batch_norm if own.batch_norm.count else replace(c.batch_norm, count=""),
        parametrised=c.parametrised if own.parametrised else None,
        layer_norm="flat" if own.layer_norm == "flat" else c.layer_norm,
    )


def bits(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name: (tensor.dtype.name, tensor.shape, tensor.tobytes()) for name, tensor in tensors.items()}
