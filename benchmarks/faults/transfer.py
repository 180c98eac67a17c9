"""Weights by hand: random ones into the torch model, and from it into the Paddle model by the family's own names.

It knows these models and nothing else, and shares no code with the library: it is what the cases are judged by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import torch

from benchmarks.faults.case import Case
from benchmarks.faults.families import Array

NORMS = (torch.nn.modules.batchnorm._NormBase, torch.nn.LayerNorm, torch.nn.GroupNorm)
CONVOLUTIONS = (torch.nn.modules.conv._ConvNd, torch.nn.Linear)
BUFFERS = {"running_mean": "_mean", "running_var": "_variance"}


def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """No zero gamma, no fresh running statistics; the row of padding in an embedding stays zero."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, tensor in own.items():
            if not tensor.is_floating_point():
                continue
            if name == "weight" and not isinstance(tensor, torch.nn.Parameter):
                continue  # class weights are constants
            tensor.data.copy_(torch.from_numpy(_value(rng, module, name, tuple(tensor.shape))))
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            module.weight.data[module.padding_idx] = 0.0


def _value(rng: np.random.Generator, module: Any, name: str, shape: tuple[int, ...]) -> Array:
    if name == "running_var":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if isinstance(module, NORMS) or name in ("gamma", "bias"):
        sign = np.where(rng.random(shape) < 0.5, -1.0, 1.0)
        return (sign * rng.uniform(0.25, 1.0, shape)).astype(np.float32)
    fan = int(np.prod(shape[1:])) if isinstance(module, CONVOLUTIONS) else shape[-1]
    return rng.normal(0.0, 1.0 / np.sqrt(max(fan, 1)), shape).astype(np.float32)


def transfer(case: Case, left: torch.nn.Module, right: paddle.nn.Layer) -> list[str]:
    """Copy every tensor of ``left`` into ``right``; what found no place on either side is returned by name."""
    tensors = dict(right.state_dict())
    owner = {id(tensor): name for name, tensor in reversed(tensors.items())}  # the first name of a shared tensor
    open_names = {name for name in owner.values() if tensors[name].is_floating_point()}
    problems = []
    for name, value in _pieces(case, left, right):
        target = tensors.get(name)
        if target is None or tuple(target.shape) != value.shape:
            problems.append(f"{name}: {value.shape} into {None if target is None else tuple(target.shape)}")
            continue
        target.set_value(value.astype(_dtype(target)))
        open_names.discard(owner[id(target)])
    return problems + sorted(open_names)


def spoil(case: Case, right: paddle.nn.Layer) -> None:
    """Make the mistakes in loading that the case declares."""
    tensors = right.state_dict()
    for name, mistake in case.weights:
        value = tensors[name].numpy()
        if mistake == "transposed":
            value = np.ascontiguousarray(value.T)
        elif mistake == "transposed in and out":
            value = np.ascontiguousarray(value.swapaxes(0, 1))
        elif mistake == "not loaded":
            value = np.ones_like(value) if name.endswith("_variance") else np.zeros_like(value)
        elif mistake == "gates i, f, o, g":
            i, f, g, o = np.split(value, 4)
            value = np.concatenate([i, f, o, g])
        elif mistake == "gates z, r, n":
            r, z, n = np.split(value, 3)
            value = np.concatenate([z, r, n])
        elif mistake == "k, q, v":
            q, k, v = np.split(value, 3, axis=-1)
            value = np.concatenate([k, q, v], axis=-1)
        elif mistake == "flipped":
            value = np.ascontiguousarray(value[..., ::-1, ::-1])
        else:
            raise ValueError(f"{case.name}: no mistake is named {mistake!r}")
        tensors[name].set_value(value)


def _pieces(case: Case, left: torch.nn.Module, right: paddle.nn.Layer) -> list[tuple[str, Array]]:
    """Paddle tensor names with the values that belong there."""
    layers, tensors = dict(right.named_sublayers(include_self=True)), right.state_dict()
    found: list[tuple[str, Array]] = []
    seen: set[int] = set()
    for path, module in left.named_modules():
        own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, tensor in own.items():
            if not tensor.is_floating_point() or (name == "weight" and path == "" and case.family == "losses"):
                continue
            if id(tensor) in seen and case.partner(path) not in layers:
                continue  # tied on the torch side, one tensor on the Paddle side
            seen.add(id(tensor))
            value = tensor.detach().numpy()
            partner = case.partner(path) if path else ""
            layer = layers.get(partner)
            if name.startswith("in_proj_"):
                kind = name.removeprefix("in_proj_")
                for part, piece in zip("qkv", np.split(value, 3), strict=True):
                    found.append((f"{partner}.{part}_proj.{kind}", piece.T if kind == "weight" else piece))
            elif isinstance(module, torch.nn.Linear) and path.endswith("qkv") and layer is None:
                start = partner.removesuffix("qkv")
                for part, piece in zip("qkv", np.split(value, 3), strict=True):
                    found.append((f"{start}{part}_proj.{name}", piece.T))
            elif isinstance(module, torch.nn.Linear) and f"{partner}_{name}" in tensors:  # parameters without a layer
                found.append((f"{partner}_{name}", value.T if name == "weight" else value))
            elif isinstance(module, torch.nn.Linear):
                transposed = name == "weight" and isinstance(layer, paddle.nn.Linear)
                found.append((f"{partner}.{name}", value.T if transposed else value))
            elif isinstance(module, CONVOLUTIONS) and name == "weight" and isinstance(layer, paddle.nn.Linear):
                found.append((f"{partner}.{name}", value.reshape(value.shape[:2]).T))  # a 1x1 convolution
            elif not path and value.ndim == 2 and tuple(tensors[case.partner(name)].shape) == value.shape[::-1]:
                found.append((case.partner(name), value.T))  # a matrix without a layer
            elif isinstance(module, torch.nn.LayerNorm):
                found.append((f"{partner}.{name}", value.reshape(-1)))
            elif isinstance(module, torch.nn.InstanceNorm2d) and name == "weight":
                found.append((f"{partner}.scale", value))
            elif isinstance(module, torch.nn.PReLU):
                found.append((f"{partner}._weight", value))
            elif name in BUFFERS:
                found.append((f"{partner}.{BUFFERS[name]}", value))
            elif f"{partner}.{name}" in tensors:
                found.append((f"{partner}.{name}", value))
            else:
                found.append((case.partner(f"{path}.{name}".lstrip(".")), value))
    return [(name, np.ascontiguousarray(value)) for name, value in found]


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).rsplit(".", 1)[-1].lower()
