"""What a pair does, measured without the lab: each model by its framework's plain API in float64, compared by NumPy."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.faults.transfer import transfer
from benchmarks.soundness import paddle_side, torch_side
from benchmarks.soundness.catalogue import Pair

Array = np.ndarray[Any, Any]
Seen = dict[str, dict[str, Array]]
"""What one model does: a group of arrays ("eval", "train", "gradients", "updated", ...), each by name."""
SIDES: Mapping[str, Any] = {"torch": torch_side, "paddle": paddle_side}
DIFFERS, SAME = 1e-6, 1e-10
"""Beyond the first two models differ, below the second they are the same; what lies between judges nobody."""
UNCHANGED = 1e-13
"""A mutant changes nothing where it is no further apart than the roundings of so small a model: an eps of 1.5e-12 for
1e-12, or scores that are shifted by a large number, differ by more, and by less than what is clear."""
SMALL = 1e-4
"""Of the largest tensor of its group: what is smaller is measured against this share of it, being rounding mostly."""


def observe(framework: str, model: Any, inputs: tuple[Array, ...]) -> Seen:
    """Outputs, input gradients, parameter gradients, and all tensors after one step of SGD. Run under ``float64``."""
    side, seen = SIDES[framework], {}
    with warnings.catch_warnings(), side.same_draws():
        warnings.simplefilter("ignore")
        model.eval()
        seen["eval"] = _arrays(side, flat(model(*(side.tensor(x, grad=False) for x in inputs))))
    with warnings.catch_warnings(), side.same_draws():
        warnings.simplefilter("ignore")
        model.train()
        xs = [side.tensor(x, grad=True) for x in inputs]
        results = flat(model(*xs))
        seen["train"] = _arrays(side, results)
        rng = np.random.default_rng(1)
        side.backward([(y, rng.normal(size=tuple(y.shape))) for _, y in sorted(results.items())])
        seen["input gradients"] = {str(i): _gradient(side, x) for i, x in enumerate(xs) if inputs[i].dtype.kind == "f"}
        seen["gradients"] = {name: _gradient(side, p) for name, p in side.parameters(model).items()}
        side.step(model)
        seen["updated"] = {name: side.array(value) for name, value in side.tensors(model).items()}
    return seen


def flat(result: Any, name: str = "") -> dict[str, Any]:
    """Outputs by name: a dictionary's keys, positions."""
    if isinstance(result, dict):
        return {k: v for key, item in result.items() for k, v in flat(item, f"{name}.{key}").items()}
    if isinstance(result, tuple | list):
        return {k: v for i, item in enumerate(result) for k, v in flat(item, f"{name}.{i}").items()}
    return {} if result is None else {name: result}


def _arrays(side: Any, results: dict[str, Any]) -> dict[str, Array]:
    return {name: side.array(value) if side.is_tensor(value) else np.asarray(value) for name, value in results.items()}


def _gradient(side: Any, tensor: Any) -> Array:
    return np.zeros(tuple(tensor.shape)) if tensor.grad is None else side.array(tensor.grad)


def in_paddle_names(pair: Pair, seen: Seen, model: Any) -> Seen:
    """A torch model's gradients and tensors by the Paddle names and in the Paddle layouts, moved as its weights are."""
    moved = dict(seen)
    for group in ("gradients", "updated"):
        carrier, mirror = copy.deepcopy(model), pair.build("paddle")
        tensors = torch_side.tensors(carrier)
        for name, value in tensors.items():
            torch_side.write(value, seen[group].get(name, np.zeros(tuple(value.shape))))
        lost = transfer(pair, carrier, mirror)  # type: ignore[arg-type]
        state = paddle_side.tensors(mirror) if group == "updated" else paddle_side.parameters(mirror)
        moved[group] = {name: paddle_side.array(value) for name, value in state.items() if name not in lost}
    return moved


def apart(left: Seen, right: Seen) -> tuple[float, str]:
    """The largest difference, relative to the largest in its tensor, and where; infinite for NaN or other shapes."""
    worst, at = 0.0, ""
    for group, ours in left.items():
        theirs = right[group]
        if ours.keys() != theirs.keys():
            return np.inf, f"{group}: {sorted(ours.keys() ^ theirs.keys())[0]} is on one side"
        top = max((_size(array) for array in (*ours.values(), *theirs.values())), default=0.0)
        for name, a in ours.items():
            found = _relative(a, theirs[name], SMALL * top)
            if found > worst:
                worst, at = found, f"{group}: {name}"
    return worst, at


def _relative(a: Array, b: Array, least: float) -> float:
    if a.shape != b.shape or a.dtype.kind != b.dtype.kind or (a.dtype.kind == "f" and a.dtype != b.dtype):
        return np.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(a)
    if not np.array_equal(np.where(finite, 0.0, a), np.where(np.isfinite(b), 0.0, b), equal_nan=True):
        return np.inf
    difference = float(np.abs(a - b, where=finite, out=np.zeros(a.shape)).max(initial=0.0))
    return difference / max(_size(a), _size(b), least, 1e-300)


def _size(array: Array) -> float:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return float(np.abs(finite.astype(np.float64)).max(initial=0.0))
