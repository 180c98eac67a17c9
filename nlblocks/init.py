"""Seeded randomness in NumPy: the same seed gives the same bits in every backend.

Each tensor has a Philox stream of its own, keyed by the seed and the tensor's name, so that adding or reordering
parameters changes no other parameter.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from nlblocks.errors import InputError, said
from nlblocks.specs.base import BlockSpec, Param


def check_seed(seed: object) -> None:
    """Raise InputError for a seed that is no int."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise InputError(f"seed={said(seed)} must be an int")


def generator(seed: int, name: str) -> np.random.Generator:
    """The stream of one named tensor under one seed (any int)."""
    check_seed(seed)
    digest = hashlib.sha256(f"{int(seed)}:{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def draw(param: Param, seed: int) -> NDArray[np.float64]:
    """The initial value of one parameter, in float64."""
    init = param.init
    if init.kind == "constant":
        return np.full(param.shape, init.value)
    if init.kind == "cosines":
        return _cosines(param)
    fan = 1.0
    if init.fan is not None:
        fan_in, fan_out = param.fans
        fan = {"in": fan_in, "out": fan_out, "mean": (fan_in + fan_out) / 2}[init.fan]
    bound = init.gain / math.sqrt(fan)
    stream = generator(seed, param.name)
    if init.kind == "uniform":
        return stream.uniform(-bound, bound, param.shape)
    drawn = stream.normal(0.0, bound, param.shape)
    return drawn / np.sqrt(np.square(drawn).sum(0)) if init.kind == "direction" else drawn


def _cosines(param: Param) -> NDArray[np.float64]:
    """[C, H, W]: of each channel one function of the two-dimensional cosine basis, which Init describes."""
    channels, height, width = param.shape
    found = param.init.frequencies

    def along(frequency: int, extent: int) -> NDArray[np.float64]:
        wave = np.cos(np.pi * frequency * (np.arange(extent) + 0.5) / extent) / math.sqrt(extent)
        return wave * math.sqrt(2.0) if frequency else wave

    functions = [np.outer(along(u, height), along(v, width)) for u, v in found]
    return np.stack([functions[channel * len(found) // channels] for channel in range(channels)])


def initial_state(spec: BlockSpec, seed: int) -> dict[str, NDArray[np.float64]]:
    """The canonical state that a block starts from, in float64."""
    return {param.name: draw(param, seed) for param in spec.params()}
