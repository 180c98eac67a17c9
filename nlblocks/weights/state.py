"""The canonical state of a block: read it, check it, load it, move it between frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array, State, as_array, backend_of
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.weights.files.pickle_vm import shown

LARGEST = {"float64": np.inf, "float32": 3.4028234663852886e38, "float16": 65504.0, "bfloat16": 3.3895313892515355e38}
HOST = 1
"""DLPack's number for the memory that every framework reads; an accelerator's is read by its own alone."""


def state_of(module: Any) -> State:
    """The module's parameters and buffers as NumPy copies, under canonical names and layouts (Linear is [out, in]).

    dtypes are the module's own, but for bfloat16, which NumPy lacks: it comes back as float32, which holds it exactly.
    """
    backend = backend_of(module)
    return {name: np.array(backend.to_numpy(tensor)) for name, tensor in backend.tensors(module).items()}


def load_state(module: Any, state: Mapping[str, Any]) -> None:
    """Write a canonical state into a module, all of it or nothing.

    Raises InputError that lists every tensor that is missing, unexpected, mis-shaped, not real or not finite.
    """
    backend = backend_of(module)
    arrays = checked_state(module.spec, state)
    _check_range(module.spec, arrays, backend.dtype(module))
    backend.assign(module, {name: np.array(array, copy=True) for name, array in arrays.items()})


def transfer(source_module: Any, target_module: Any) -> None:
    """Copy the weights and buffers of one block into another, of the same or another framework.

    The frameworks exchange memory through DLPack: the one copy is the write into the target's own storage. What lies on
    an accelerator goes to another framework by way of the host.
    Raises InputError, and changes nothing, unless both blocks have the same kind, names and shapes.
    """
    source, target = backend_of(source_module), backend_of(target_module)
    if type(source_module.spec) is not type(target_module.spec):
        raise InputError(
            f"transfer: the source is a {source_module.spec.kind}, the target a {target_module.spec.kind}; "
            "both must be of one kind"
        )
    tensors = source.tensors(source_module)
    arrays = {name: source.to_numpy(tensor) for name, tensor in tensors.items()}
    checked_state(target_module.spec, arrays)
    _check_range(target_module.spec, arrays, target.dtype(target_module))
    shared = source is target or all(tensor.__dlpack_device__()[0] == HOST for tensor in tensors.values())
    # NumPy has no bfloat16: such values go as float32, which holds them exactly.
    target.assign(target_module, tensors if shared and source.dtype(source_module) != "bfloat16" else arrays)


def checked_state(spec: BlockSpec, state: Mapping[str, Any]) -> State:
    """The state as arrays in ``params()`` order; raises InputError that lists everything wrong with it."""
    if not isinstance(state, Mapping):
        raise InputError(f"state of {type(spec).__name__} must be a mapping of arrays, received {type(state).__name__}")
    params = {param.name: param for param in spec.params()}
    problems = [f"{name} is missing" for name in params if name not in state]
    problems += [f"{shown(str(name))} is unexpected" for name in state if name not in params]
    arrays: State = {}
    for name, param in params.items():
        if name not in state:
            continue
        try:
            array = arrays[name] = as_array(state[name])
        except InputError as error:
            problems.append(f"{name}: {error}")
            continue
        if array.shape != param.shape:
            problems.append(f"{name} has shape {array.shape}, not {param.shape}")
        elif not np.isfinite(array).all():
            problems.append(f"{name} has {int((~np.isfinite(array)).sum())} values that are not finite")
        elif param.layout == "variance" and (array < 0).any():
            problems.append(f"{name} has negative variances")
    if problems:
        raise InputError(f"state of {type(spec).__name__}: {'; '.join(problems)}. Nothing was loaded")
    return arrays


def _check_range(spec: BlockSpec, arrays: Mapping[str, Array], dtype: str) -> None:
    """Refuse values that are finite as given and infinite in the module's own dtype."""
    limit = LARGEST[dtype]
    problems = [
        f"{name} reaches {np.abs(array).max():.3g}, past the largest {dtype}"
        for name, array in arrays.items()
        if array.size and float(np.abs(array).max()) > limit  # NumPy would make a float16 of the limit
    ]
    if problems:
        raise InputError(f"state of {type(spec).__name__}: {'; '.join(problems)}. Nothing was loaded")
