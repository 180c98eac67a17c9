"""A program behind the lab's Tracer: evaluation alone, forward alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import numpy as np

from nlblocks.backend import Array
from nlblocks.exchange.side import recurrent
from nlblocks.exchange.side.operators import TABLE
from nlblocks.exchange.side.program import Program
from nlblocks.parity.recording import Observer, Tracer
from nlblocks.parity.tracing import vocabulary


def _softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


class OnnxTracer(Tracer):
    """Runs programs for the parity lab."""

    name = "onnx"
    model_type = Program
    tensor_type = np.ndarray
    untrained = "an ONNX file has no training"
    table = TABLE
    recurrent: ClassVar[Mapping[str, Callable[[str, Sequence[Any]], Any]]] = dict.fromkeys(
        recurrent.GATES, recurrent.reader
    )
    functions: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "softmax": _softmax, "clip": np.clip, "moveaxis": np.moveaxis,
        "concat": lambda arrays, axis: np.concatenate(arrays, axis),
    }  # fmt: skip

    def modules(self, model: Program) -> dict[str, Any]:
        return {"": model}

    def children(self, module: Program) -> Sequence[Any]:
        return ()

    def parameters(self, model: Program) -> Sequence[Any]:
        return ()  # nothing is lent: a run puts arrays of its own in their places

    def named(self, model: Program) -> dict[str, Array]:
        return dict(model.tensors)

    def buffer_names(self, model: Program) -> set[str]:
        return set(model.buffers)

    def dtype(self, model: Program) -> str:
        return model.dtype

    def title(self, model: Program) -> str:
        return model.title or type(model).__name__

    def around(self, module: Program, before: Callable[..., None], after: Callable[..., None]) -> Sequence[Any]:
        return ()

    def to_numpy(self, tensor: Array) -> Array:
        return tensor

    def input(self, array: Array, dtype: str, model: Program, *, gradient: bool) -> Array:
        return np.array(array, dtype if array.dtype.kind == "f" else None)

    def like(self, array: Array, tensor: Array) -> Array:
        return np.array(array, tensor.dtype)

    def copy(self, tensor: Array, dtype: str, values: Array | None) -> Array:
        return np.array(tensor if values is None else values, dtype if tensor.dtype.kind == "f" else None)

    def lent(self, tensors: Sequence[tuple[Any, Any]]) -> AbstractContextManager[object]:
        return nullcontext()

    def wants_gradient(self, tensor: Array) -> bool:
        return False

    def exchanged(self, tensor: Array, values: Array) -> Array:
        return values

    def default_dtype(self) -> str:
        return "float32"

    def within(self, dtype: str, *, gradients: bool) -> AbstractContextManager[object]:
        return nullcontext()

    @contextmanager
    def observed(self, model: Program, observer: Observer) -> Iterator[None]:
        model.observer = observer
        try:
            yield
        finally:
            model.observer = None

    def hook(self, tensor: Array, function: Callable[[Any], Any]) -> Callable[[], object]:
        return lambda: None

    def backward(
        self, outputs: Sequence[Any], gradients: Sequence[Any], targets: Mapping[vocabulary.Key, Any],
        done: Callable[[vocabulary.Key, Array], None],
    ) -> None:  # fmt: skip
        """Nothing: no output wants a gradient."""

    def step(self, optimiser: Any) -> None:
        """Nothing: there is nothing to train."""
