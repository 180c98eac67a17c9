"""Pictures for models to look at, and models with a block inside."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from nlblocks.init import generator
from nlblocks.maps.images import Picture
from nlblocks.specs import BlockSpec
from parity_tests.helpers.blocks import built

BASES = {"torch": "Module", "paddle": "Layer"}


def picture(name: str = "x", channels: int = 3, size: tuple[int, int] = (12, 16)) -> Picture:
    """Random values in [0, 1], no two rows or columns alike."""
    values = generator(0, f"picture:{name}").uniform(size=(channels, *size))
    shown = np.repeat((values.mean(0) * 255).round().astype(np.uint8)[..., None], 3, 2)
    return Picture(name=name, values=values, shown=shown)


def holding(backend: str, spec: BlockSpec, *, times: int = 1) -> Any:
    """Somebody's model, [B, C, H, W] → the same, that calls the block of a spec some times, in float64."""
    nn = importlib.import_module(backend).nn
    base = getattr(nn, BASES[backend])

    class Model(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Sequential(built(spec, backend)), nn.Identity())

        def forward(self, x: Any) -> Any:
            for _ in range(times):
                x = self.body(x)
            return x

    return Model()
