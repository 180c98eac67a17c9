"""What a program takes and gives, and whether somebody who runs it hands over that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import TensorProto, TypeProto, helper

from nlblocks.backend import Array
from nlblocks.errors import InputError, known


class Interface:
    """The inputs, the outputs and all tensors of a program by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        self.inputs = {value.name: value.type.tensor_type for value in graph.input if value.name not in weights}
        self.outputs = [value.name for value in graph.output]
        self._made = {*self.inputs, *weights, *(name for node in graph.node for name in node.output)}

    def names(self, feeds: Mapping[str, Array], wanted: Sequence[str] | None) -> list[str]:
        """The tensors to give: those that are wanted, or the outputs. Raises InputError for feeds that do not fit."""
        if missing := [name for name in self.inputs if name not in feeds]:
            raise InputError(f"no array for input {known(missing)}; the program takes {known(self.inputs)}")
        if more := [name for name in feeds if name not in self.inputs]:
            raise InputError(f"no input is called {known(more)}; the program takes {known(self.inputs)}")
        for name, kind in self.inputs.items():
            _check(name, kind, feeds[name])
        found = self.outputs if wanted is None else list(wanted)
        if ghosts := [name for name in found if name not in self._made]:
            raise InputError(f"no tensor is called {known(ghosts)}; the program gives {known(self.outputs)}")
        return found


def _check(name: str, kind: TypeProto.Tensor, array: Array) -> None:
    """Whether an array is what an input is declared as."""
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type) if kind.elem_type != TensorProto.UNDEFINED else array.dtype
    if array.dtype != dtype:
        raise InputError(f"input {name!r} is {array.dtype}, and the program takes {dtype}; cast it")
    if not kind.HasField("shape"):
        return
    sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
    fits = len(sizes) == array.ndim and all(size in (-1, real) for size, real in zip(sizes, array.shape, strict=True))
    if not fits:
        said = [size.dim_param or (size.dim_value if size.dim_value > 0 else "?") for size in kind.shape.dim]
        raise InputError(f"input {name!r} has shape {list(array.shape)}, and the program takes {said}; reshape it")
