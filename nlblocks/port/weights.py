"""Which tensor of the Paddle model is which of its port: by the layers' names, which the port keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint

RENAMED = {"_mean": "running_mean", "_variance": "running_var", "scale": "weight", "_weight": "weight"}
"""What torch's layers call their tensors otherwise. "scale" is InstanceNorm's, "_weight" PReLU's."""
FLAT = "paddle.nn.LayerNorm"
"""Holds its tensors flat, also over several axes."""
TRANSPOSED = ("paddle.nn.Linear", "torch.nn.Linear")


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a model: the names of the layers down to its own, its name there, and what the layer is.

    ``layer`` is the framework's class that the layer is or derives from; ``full`` is the name in the state dict.
    """

    path: tuple[str, ...]
    name: str
    layer: str
    shape: tuple[int, ...]
    full: str


@dataclass(frozen=True, slots=True)
class Move:
    """One tensor on its way."""

    paddle: str
    torch: str
    transposed: bool


def moves(paddle: Sequence[Entry], torch: Sequence[Entry]) -> list[Move]:
    """Every tensor of the one in the other. Raises InputError for what has no place, or another shape."""
    places = {(entry.path, entry.name): entry for entry in torch}
    found, lacking = [], []
    for entry in paddle:
        path = tuple(part.replace(".", "_") for part in entry.path)
        other = places.pop((path, entry.name), None) or places.pop((path, RENAMED.get(entry.name, "")), None)
        if other is None:
            lacking.append(f"{entry.full} has no place in the port")
            continue
        transposed = entry.layer == TRANSPOSED[0] and other.layer == TRANSPOSED[1] and entry.name == "weight"
        shape = entry.shape[::-1] if transposed else entry.shape
        if entry.layer == FLAT and prod(shape) == prod(other.shape):
            shape = other.shape
        if shape != other.shape:
            lacking.append(f"{entry.full} is {list(shape)}, in the port {list(other.shape)}")
        found.append(Move(entry.full, other.full, transposed))
    lacking += [f"{e.full} of the port has no source" for e in places.values() if e.name != "num_batches_tracked"]
    if lacking:
        more = f", and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise InputError(f"the port does not hold the tensors of the model: {'; '.join(lacking[:5])}{more}")
    return found


def read(files: Sequence[str], state: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of weight files for a Paddle model's state: all of them, and no others. Raises InputError."""
    found: dict[str, Any] = {}
    twice: list[str] = []
    for file in files:
        read_now = open_checkpoint(file).state()
        twice += [name for name in read_now if name in found]
        found |= read_now
    missing = [name for name in state if name not in found]
    unknown = [name for name in found if name not in state]
    shapes = {n: (list(found[n].shape), list(state[n].shape)) for n in state if n in found}
    wrong = [f"{n} ({own}, in the model {wanted})" for n, (own, wanted) in shapes.items() if own != wanted]
    for names, what in (
        (twice, "hold twice:"),
        (missing, "lacks"),
        (unknown, "holds what the model does not have:"),
        (wrong, "has another shape for"),
    ):
        if names:
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            raise InputError(f"{', '.join(files)} {what} {', '.join(names[:4])}{more}")
    return {name: found[name].astype(state[name].dtype) for name in state}
