"""Tensors as checkpoint files hold them: made, compared bit for bit, and converted there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import DTYPES, Tensor, in_memory

Bits = tuple[str, tuple[int, ...], bytes]
Shape = tuple[int, ...]
OTHER: dict[str, Any] = {"torch": "paddle", "paddle": "torch"}


def stored(array: Any) -> Tensor:
    array = np.asarray(array)
    return in_memory(array, DTYPES[array.dtype.name])


def state(**shapes: Shape | Mapping[str, Shape]) -> dict[str, Tensor]:
    """Random tensors by name, or by module and name; "__" in a keyword is a dot in the name."""
    stream, found = np.random.default_rng(0), {}
    for name, value in shapes.items():
        leaves = {f".{leaf}": shape for leaf, shape in value.items()} if isinstance(value, Mapping) else {"": value}
        for leaf, shape in leaves.items():
            found[name.replace("__", ".") + leaf] = stored(stream.normal(size=shape).astype(np.float32))
    return found


def bits(tensor: Tensor) -> Bits:
    return tensor.dtype.name, tensor.shape, tensor.tobytes()


def all_bits(tensors: Mapping[str, Tensor]) -> dict[str, Bits]:
    return {name: bits(tensor) for name, tensor in tensors.items()}


def planned(tensors: dict[str, Tensor], source: Any, record: Any = None, **options: Any) -> Any:
    """The conversion to the other framework."""
    return plan(tensors, Options(source=source, target=OTHER[source], **options), record)


def there_and_back(tensors: dict[str, Tensor], source: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(the tensors in the other framework, what comes back from it)."""
    there = planned(tensors, source)
    return there.tensors, planned(there.tensors, OTHER[source], there.record).tensors
