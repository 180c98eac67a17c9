"""A block and its spec in one file, loadable in any backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlblocks.backend import DTYPES, Backend, DType, backend_of, current, get
from nlblocks.blocks import build
from nlblocks.conventions import conventions_of
from nlblocks.errors import InputError, file_path, said
from nlblocks.specs.base import BlockSpec, spec_from_dict
from nlblocks.weights import dialects
from nlblocks.weights.files import Tensor, write_checkpoint
from nlblocks.weights.files.checkpoint import Checkpoint
from nlblocks.weights.files.writing import LAYOUTS, format_of
from nlblocks.weights.made import as_tensor, turned
from nlblocks.weights.state import checked_state, load_state, state_of
from nlblocks.weights.whole import save_model


def save(module_or_state: Any, path: str | Path, spec: BlockSpec | None = None) -> None:
    """Write a block, a canonical state with its ``spec``, or a model, to .safetensors, .pth/.pt/.bin or .pdparams.

    A model is any of the user's, such as one that holds our blocks: their specs go into the file, and
    ``nlblocks.load(path, into=model)`` loads it into the same model of either framework.

    The spec goes into the file, so that :func:`nlblocks.load` needs nothing else. dtypes are kept, bfloat16 included. A
    .pdparams file has Paddle's layout (Linear weights [in, out]), the others torch's, so that each framework's own
    loader can read it. The file appears whole or not at all.
    """
    path = file_path(path)
    if spec is None and _is_model(module_or_state):
        save_model(module_or_state, path)
        return
    if isinstance(module_or_state, Mapping):
        if not isinstance(spec, BlockSpec):
            raise InputError(f"save: a state needs its spec, received {said(spec)}; give spec=... or save the module")
        state, dtype = checked_state(spec, module_or_state), ""
    else:
        backend = backend_of(module_or_state)
        if spec is not None and spec != module_or_state.spec:
            raise InputError("save: spec is not the module's own; leave it out")
        spec, dtype = module_or_state.spec, backend.dtype(module_or_state)
        state = state_of(module_or_state)
    layout = LAYOUTS[format_of(path)]
    tensors: dict[str, Tensor] = {name: as_tensor(array, dtype) for name, array in state.items()}
    write_checkpoint(path, _out_in(spec, tensors, layout), layout=layout, spec=spec.to_dict())


def _is_model(value: Any) -> bool:
    """Whether it is a model of a framework's, and no block."""
    if isinstance(value, Mapping):
        return False
    try:
        backend_of(value)
    except InputError:
        return callable(getattr(value, "state_dict", None))
    return False


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
        raise InputError(
            f"load: spec must be that of a block, such as nlblocks.specs.NonLocal(...), received {said(spec)}"
        )
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
