"""What an exported file says of itself: its spec, and where in it the weights are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import onnx
from onnx import numpy_helper

from nlblocks.backend import Array, State, rows
from nlblocks.exchange.files import notes
from nlblocks.specs.base import BlockSpec


def described(
    model: onnx.ModelProto, *, backend: str, dtype: str, spec: BlockSpec | None, maps: Sequence[str], state: State,
    seed: int | None,
) -> None:  # fmt: skip
    """Write into a program what it is of: the spec, the seed of what was drawn, a digest of the weights, versions.

    Where every weight is in the program, as it is or turned, it also says where: the state can be read from it again.
    """
    found = {
        "spec": None if spec is None else spec.to_dict(), "backend": backend, "dtype": dtype, "seed": seed,
        "sha256": digest(state), "versions": versions(backend), "weights": located(model, state), "maps": list(maps),
    }  # fmt: skip
    notes.put(model, found)
    model.producer_name = model.producer_name or backend


def digest(state: Mapping[str, Array]) -> str:
    """SHA-256 of a state: names, shapes, and values as float64, in order of the names."""
    whole = hashlib.sha256()
    for name in sorted(state):
        value = np.ascontiguousarray(state[name], np.float64)
        whole.update(f"{name}{value.shape}".encode() + value.tobytes())
    return whole.hexdigest()


def versions(backend: str) -> dict[str, str]:
    """Of the framework, of what exported with it, and of the library."""
    row = rows()[backend]
    others = ("paddle2onnx",) if backend == "paddle" else ("onnxscript",)
    found = {}
    for name in ("nlblocks", row.distribution, "onnx", *others):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def located(model: onnx.ModelProto, state: Mapping[str, Array]) -> dict[str, list[str]] | None:
    """Where each tensor of a state is in a program: [the name of a constant, "" or "turned"]; None if one is not.

    Exporters name, fold, reshape and turn as they like, so it is found by its values.
    """
    held = list(constants(model).items())
    found = {}
    for name, value in state.items():
        at = _place(name, value, held)
        if at is None:
            return None
        found[name] = at
    return found


def _place(name: str, value: Array, held: list[tuple[str, Array]]) -> list[str] | None:
    """The constant of the same name first: two weights may hold the same values."""
    for other, array in sorted(held, key=lambda item: item[0] != name):
        if array.size != value.size:
            continue
        own = value.astype(array.dtype)
        if np.array_equal(own.reshape(-1), array.reshape(-1)):
            return [other, ""]
        if value.ndim == 2 and np.array_equal(own.T.reshape(-1), array.reshape(-1)):
            return [other, "turned"]
    return None


def constants(model: onnx.ModelProto) -> dict[str, Array]:
    """Every floating tensor that a program holds, by name: those that it starts with, and what Constant nodes give."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
