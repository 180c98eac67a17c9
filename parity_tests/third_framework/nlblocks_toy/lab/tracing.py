"""numtape behind the parity lab's Tracer: it has no hooks, so functions and forwards are replaced for one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numtape
from numtape import Array, Module, Tensor

from nlblocks.parity.recording import Observer, Tracer
from nlblocks.parity.tracing import vocabulary

Undo = Callable[[], object]
STATISTICS = {"mean": "running_mean", "var": "running_var"}


class ToyTracer(Tracer):
    name = "toy"
    model_type = Module
    tensor_type = Tensor
    table: ClassVar[dict[str, str]] = {
        "linear": "linear: x weight bias=None",
        "conv": "conv: x weight bias=None padding=0",
        "batch_norm": "batch_norm: x running_mean running_var weight bias training momentum eps",
        "relu": "relu: x",
        "sigmoid": "sigmoid: x",
        "hard_sigmoid": "hard_sigmoid: x slope=0.1666667",
        "softmax": "softmax: x axis",
        "dropout": "dropout: x p training",
        "clip": "clip: x low high",
        "mean": "mean: x axis",
        "largest": "max: x axis",
        "wrap": "pad: x",
        "reshape": "reshape: x",
        "transpose": "transpose: x",
        **{name: f"{name}: x other" for name in ("add", "sub", "mul", "matmul")},
    }

    functions: ClassVar[dict[str, Any]] = {"clip": numtape.clip}

    def finish(self, kind: str, attrs: dict[str, Any], ndim: int) -> None:
        if kind == "linear":
            attrs["layout"] = "in_out"
        elif kind == "conv":
            attrs |= {"stride": (1,) * (ndim - 2), "dilation": (1,) * (ndim - 2), "groups": 1}
        elif kind == "batch_norm":
            attrs["variance"] = "unbiased"
        elif kind == "dropout":
            attrs["mode"] = "upscale_in_train"
        elif kind == "hard_sigmoid":
            attrs["offset"] = 0.5

    def modules(self, model: Module) -> dict[str, Module]:
        return {"": model, **dict(model.parts())}

    def children(self, module: Module) -> Iterable[Module]:
        return [value for value in vars(module).values() if isinstance(value, Module)]

    def parameters(self, model: Module) -> list[Tensor]:
        return [tensor for tensor in model.tensors().values() if tensor.trainable]

    def named(self, model: Module) -> dict[str, Tensor]:
        return {_renamed(name): tensor for name, tensor in model.tensors().items()}

    def buffer_names(self, model: Module) -> set[str]:
        return {name for name, tensor in self.named(model).items() if name.split(".")[-1] in STATISTICS.values()}

    def around(self, module: Module, before: Callable[..., None], after: Callable[..., None]) -> list[Undo]:
        own = module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            before()
            result = own(*args, **kwargs)
            after()
            return result

        module.forward = forward  # type: ignore[method-assign]
        return [partial(vars(module).pop, "forward")]

    def to_numpy(self, tensor: Tensor) -> Array:
        return tensor.data

    def input(self, array: Array, dtype: str, model: Any, *, gradient: bool) -> Tensor:
        floating = array.dtype.kind == "f"
        return Tensor(np.array(array, dtype if floating else None), trainable=gradient and floating)

    def like(self, array: Array, tensor: Tensor) -> Tensor:
        return Tensor(np.asarray(array, tensor.dtype))

    def copy(self, tensor: Tensor, dtype: str, values: Array | None) -> Tensor:
        return Tensor(np.array(tensor.data if values is None else values, dtype), trainable=tensor.trainable)

    @contextmanager
    def lent(self, tensors: Sequence[tuple[Tensor, Tensor]]) -> Iterator[None]:
        own = [(parameter, parameter.data, parameter.grad) for parameter, _ in tensors]
        try:
            for parameter, tensor in tensors:
                parameter.data, parameter.grad = tensor.data, None
            yield
        finally:
            for parameter, data, grad in own:
                parameter.data, parameter.grad = data, grad

    def wants_gradient(self, tensor: Tensor) -> bool:
        return tensor.trainable

    def default_dtype(self) -> str:
        return str(numtape.state["dtype"])

    def within(self, dtype: str, *, gradients: bool) -> AbstractContextManager[None]:
        return numtape.using(dtype=dtype, recording=gradients, random=np.random.default_rng(0))

    @contextmanager
    def observed(self, model: Module, observer: Observer) -> Iterator[None]:
        own = {name: getattr(numtape, name) for name in self.table}
        for name, function in own.items():
            setattr(numtape, name, partial(_called, observer, name, function))
        try:
            yield
        finally:
            for name, function in own.items():
                setattr(numtape, name, function)

    def hook(self, tensor: Tensor, function: Callable[[Any], Any]) -> Undo:
        watchers = vars(tensor).setdefault("watchers", [])
        watchers.append(function)
        return partial(watchers.remove, function)

    def backward(
        self, outputs: Sequence[Tensor], gradients: Sequence[Tensor], targets: Mapping[vocabulary.Key, Tensor],
        done: Callable[[vocabulary.Key, Array], None],
    ) -> None:  # fmt: skip
        def visit(tensor: Tensor, gradient: Array) -> Array:
            for watcher in vars(tensor).get("watchers", ()):
                given = watcher(Tensor(gradient))
                gradient = gradient if given is None else given.data
            return gradient

        numtape.backward(outputs, [gradient.data for gradient in gradients], visit)
        for key, tensor in targets.items():
            if tensor.grad is not None:
                gradient, tensor.grad = tensor.grad, None
                done(key, gradient)

    def step(self, optimiser: Any) -> None:
        optimiser.step()
        for parameter in optimiser.parameters:
            parameter.grad = None


def _called(observer: Observer, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return observer(name, function, args, kwargs)


def _renamed(name: str) -> str:
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}{STATISTICS.get(last, last)}"


tracer = ToyTracer()
