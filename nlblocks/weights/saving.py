"""A block and its spec in one file, loadable in any backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.backend import DTYPES, Array, Backend, DType, backend_of, current, get
from nlblocks.blocks import build
from nlblocks.conventions import conventions_of
from nlblocks.errors import InputError, file_path
from nlblocks.specs.base import BlockSpec, spec_from_dict
from nlblocks.weights import dialects
from nlblocks.weights.files import Tensor, in_memory, write_checkpoint
from nlblocks.weights.files.checkpoint import Checkpoint
from nlblocks.weights.files.dtypes import DTYPES as FILE_DTYPES
from nlblocks.weights.files.dtypes import of_array
from nlblocks.weights.files.writing import LAYOUTS, format_of
from nlblocks.weights.made import turned
from nlblocks.weights.state import checked_state, load_state, state_of


def save(module_or_state: Any, path: str | Path, spec: BlockSpec | None = None) -> None:
    """Write a block, or a canonical state with its ``spec``, to .safetensors, .pth/.pt/.bin or .pdparams.

    The spec goes into the file, so that :func:`nlblocks.load` needs nothing else. dtypes are kept, bfloat16 included. A
    .pdparams file has Paddle's layout (Linear weights [in, out]), the others torch's, so that each framework's own
    loader can read it. The file appears whole or not at all.
    """
    path = file_path(path)
    if isinstance(module_or_state, Mapping):
        if not isinstance(spec, BlockSpec):
            raise InputError(f"save: a state needs its spec, received {spec!r}; give spec=... or save the module")
        state, bfloat16 = checked_state(spec, module_or_state), False
    else:
        backend = backend_of(module_or_state)
        if spec is not None and spec != module_or_state.spec:
            raise InputError("save: spec is not the module's own; leave it out")
        spec, bfloat16 = module_or_state.spec, backend.dtype(module_or_state) == "bfloat16"
        state = state_of(module_or_state)
    layout = LAYOUTS[format_of(path)]
    tensors: dict[str, Tensor] = {name: _tensor(array, bfloat16) for name, array in state.items()}
    write_checkpoint(path, _out_in(spec, tensors, layout), layout=layout, spec=spec.to_dict())


def built(
    checkpoint: Checkpoint, backend: str | Backend | None, spec: BlockSpec | None, dialect: str | None,
    dtype: DType | None,
) -> Any:  # fmt: skip
    """The native module of a checkpoint: of its own spec, or of ``spec``; the rest as :func:`nlblocks.load` has it."""
    path = checkpoint.path
    if spec is None:
        if checkpoint.spec is None:
            raise InputError(f"{path}: the file carries no spec; give spec=..., such as nlblocks inspect suggests")
        try:
            spec = spec_from_dict(checkpoint.spec, BlockSpec)
        except InputError as error:
            raise InputError(f"{path}: its spec cannot be used: {error}") from None
    if not isinstance(spec, BlockSpec):
        raise InputError(f"load: spec must be that of a block, such as nlblocks.specs.NonLocal(...), received {spec!r}")
    prefix = checkpoint.prefix
    tensors = {name.removeprefix(prefix): tensor for name, tensor in checkpoint.items()}
    if dialect is not None:
        state = dialects.get(dialect).to_canonical(spec, {name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        tensors = _out_in(spec, tensors, checkpoint.layout)
        state = {name: tensor.numpy() for name, tensor in tensors.items()}
    checked = checked_state(spec, state)
    chosen = get(current() if backend is None else backend)
    if dtype is None:
        dtype = _dtype(checkpoint) if chosen.differentiable else "float64"  # a reference computes in float64 alone
    module = build(spec, backend=chosen, dtype=dtype)
    load_state(module, checked)
    return module


def _tensor(array: Array, bfloat16: bool) -> Tensor:
    """A float32 array that holds bfloat16 values becomes bfloat16 again: the upper half of its bits."""
    if bfloat16 and array.dtype == np.float32:
        bits = np.ascontiguousarray(array).reshape(array.shape).view(np.uint32)
        return in_memory((bits >> 16).astype(np.uint16), FILE_DTYPES["bfloat16"])
    return in_memory(array, of_array(array))


def _out_in(spec: BlockSpec, tensors: dict[str, Tensor], layout: str) -> dict[str, Tensor]:
    """A block's tensors with Linear weights from a framework's layout to [out, in], or back."""
    if not conventions_of(layout).linear_in_out:
        return tensors
    linear = {param.name for param in spec.params() if param.layout == "linear"}
    return {
        name: turned(tensor) if name in linear and len(tensor.shape) == 2 else tensor
        for name, tensor in tensors.items()
    }


def _dtype(checkpoint: Checkpoint) -> DType:
    """The widest float dtype in the file; float32 where there is none."""
    found = {tensor.dtype.name for tensor in checkpoint.values()}
    return next((name for name in DTYPES if name in found), "float32")
