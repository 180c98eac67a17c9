"""Paddle behind the parity lab's Tracer: its primitives."""

from __future__ import annotations

import ctypes
import re
import sys
import warnings
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

from nlblocks.backend import Array
from nlblocks.parity.recording import Observer, Recurrent, Tracer
from nlblocks.parity.tracing import vocabulary
from nlblocks_paddle.compiled import refuse_program
from nlblocks_paddle.lab.calls import TABLE, VARIADIC, finish
from nlblocks_paddle.lab.interception import intercepted
from nlblocks_paddle.layers import BatchNorm
from nlblocks_paddle.norms import as_kernels

LACKING = ("is not registered", r"\(Unimplemented\)", r"\(ResourceExhausted\)", "(?i)out of memory")
RENAMED = {"_mean": "running_mean", "_variance": "running_var"}
CASTS = {"float": "float32", "half": "float16", "bfloat16": "bfloat16", "double": "float64"}
DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")


def recurrent(name: str, args: Sequence[Any]) -> Recurrent:
    """rnn(x, states, weights, length, dropout_state, p, bidirectional, in, hidden, layers, mode, seed, test)."""
    return Recurrent(
        kind=str(args[10]).lower(), x=args[0], states=args[1], weights=args[2],
        groups=(("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")), layers=args[9], bidirectional=args[6],
        time_major=True, args=[*args[:5], 0.0, *args[6:]], p=float(args[5]) if args[9] > 1 else 0.0,
        dropping=not args[12], single=lambda x, states, weights: [
            x, states, weights, *args[3:5], 0.0, args[6], x.shape[-1], args[8], 1, *args[10:],
        ],
        results=lambda result: [result[0], *result[2]],
        returned=lambda result, made: (made[0], result[1], made[1:], *result[3:]),
    )  # fmt: skip


class PaddleTracer(Tracer):
    """Runs Paddle layers for the parity lab."""

    name = "paddle"
    model_type = nn.Layer
    tensor_type = paddle.Tensor
    table = TABLE
    inplace = "_"
    kernel = "C."
    variadic = VARIADIC
    own_layers = "paddle.nn."
    containers = (nn.Sequential, nn.LayerList)
    heads_inside = True
    recurrent = {"C.rnn": recurrent}  # noqa: RUF012
    casts = CASTS
    functions = {  # noqa: RUF012
        "softmax": paddle.nn.functional.softmax,
        "concat": paddle.concat,
        "moveaxis": paddle.moveaxis,
    }
    batch_norm = BatchNorm
    lacking = LACKING
    finish = staticmethod(finish)

    def owns(self, model: Any) -> bool:
        """Whether it is a layer. Raises InputError for a program that was made of one."""
        refuse_program(model, "it cannot be compared")
        return super().owns(model)

    def modules(self, model: nn.Layer) -> dict[str, nn.Layer]:
        return dict(model.named_sublayers(include_self=True))

    def named(self, model: nn.Layer) -> dict[str, paddle.Tensor]:
        found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return {
            _renamed(name): tensor
            for name, tensor in found.items()
            if (tensor.is_floating_point() or tensor.is_complex()) and not self._says_nothing(model, name, tensor)
        }

    def _says_nothing(self, model: nn.Layer, name: str, tensor: paddle.Tensor) -> bool:
        """Whether it is an empty buffer that no file has: it is there for its dtype."""
        return 0 in tensor.shape and name in self.unsaved_names(model)

    def buffer_names(self, model: nn.Layer) -> set[str]:
        names = {_renamed(name) for name, _ in model.named_buffers()}
        return names | {name for name in self.named(model) if name.rpartition(".")[2] in RENAMED.values()}

    def unsaved_names(self, model: Any) -> set[str]:
        layers = self.modules(model).items()
        return {
            f"{path}.{name}".lstrip(".") for path, layer in layers for name in layer._non_persistable_buffer_names_set
        }

    def saved(self, model: nn.Layer, named: Mapping[str, paddle.Tensor]) -> dict[str, paddle.Tensor]:
        return dict(model.state_dict())

    def around(
        self, module: nn.Layer, before: Callable[..., None], after: Callable[..., None]
    ) -> list[Callable[[], object]]:
        return [
            module.register_forward_pre_hook(cast(Any, before)).remove,
            module.register_forward_post_hook(cast(Any, after)).remove,
        ]

    def to_numpy(self, tensor: paddle.Tensor) -> Array:
        tensor = tensor.detach()
        tensor = tensor.astype("float32") if tensor.dtype == paddle.bfloat16 else tensor
        shared = tensor.place.is_cpu_place() and tensor._is_initialized() and 0 not in tensor.shape
        return np.from_dlpack(tensor) if shared else tensor.numpy()

    def input(self, array: Array, dtype: str, model: nn.Layer, *, gradient: bool) -> paddle.Tensor:
        if array.dtype.kind not in "fc":
            return paddle.to_tensor(array)
        own = vocabulary.COMPLEX[dtype] if array.dtype.kind == "c" else dtype
        return paddle.to_tensor(array, dtype=cast(Any, own), stop_gradient=not gradient)

    def like(self, array: Array, tensor: paddle.Tensor) -> paddle.Tensor:
        return paddle.to_tensor(array, dtype=tensor.dtype, place=tensor.place)

    def copy(self, tensor: paddle.Tensor, dtype: str, values: Array | None) -> paddle.Tensor:
        if not tensor._is_initialized():
            return tensor
        own = vocabulary.COMPLEX[dtype] if tensor.is_complex() else dtype
        if values is None:
            clone = tensor.detach().clone()
            return clone.astype(cast(Any, own)) if tensor.is_floating_point() or tensor.is_complex() else clone
        array = np.array(values, dtype=own, order="C")
        on_cpu = tensor.place.is_cpu_place()
        return paddle.utils.dlpack.from_dlpack(array) if on_cpu else paddle.to_tensor(array, place=tensor.place)

    def exchanged(self, tensor: paddle.Tensor, values: paddle.Tensor) -> paddle.Tensor:
        return _Exchanged.apply(tensor, values)

    def cast(self, tensor: paddle.Tensor, dtype: str) -> paddle.Tensor:
        return tensor.astype(cast(Any, dtype))

    def renamed(self, value: Any, meant: Callable[[str], str]) -> Any:
        if not isinstance(value, str | type | np.dtype | paddle.dtype):
            return value
        name = getattr(value, "__name__", str(value)).rpartition(".")[2]
        return meant(name) if name in DTYPES and meant(name) != name else value

    @contextmanager
    def lent(self, tensors: Sequence[tuple[paddle.Tensor, paddle.Tensor]]) -> Iterator[None]:
        own = [
            (p, _alias(p), None if p.grad is None else (p.grad, _alias(p.grad)), p.stop_gradient) for p, _ in tensors
        ]
        try:
            for parameter, tensor in tensors:
                _share(parameter, tensor)
                _forget(parameter)
            yield
        finally:
            for parameter, values, gradient, frozen in own:
                _share(parameter, values)
                _forget(parameter)
                parameter.stop_gradient = frozen
                if gradient is not None:
                    _share(*gradient)
                    parameter.grad = gradient[0]

    def write(self, tensor: paddle.Tensor, array: Array) -> None:
        if tensor.place.is_cpu_place():
            super().write(tensor, array)
        else:
            _share(tensor, self.like(array, tensor))

    def version(self, tensor: paddle.Tensor) -> int:
        return int(tensor.inplace_version)

    def wants_gradient(self, tensor: paddle.Tensor) -> bool:
        return not tensor.stop_gradient

    def default_dtype(self) -> str:
        return paddle.get_default_dtype()

    @contextmanager
    def within(self, dtype: str, *, gradients: bool) -> Iterator[None]:
        default, generators = paddle.get_default_dtype(), _generators()
        paddle.set_default_dtype(cast(Any, dtype))
        try:
            with warnings.catch_warnings(), paddle.set_grad_enabled(gradients):
                # Paddle says at every training pass of a BatchNorm that it moves the running statistics.
                warnings.filterwarnings("ignore", message="When training, we now always track")
                yield
        finally:
            paddle.set_default_dtype(default)
            for device, state in generators.items():
                paddle.set_rng_state(state, device)

    def seed(self, seed: int) -> None:
        paddle.seed(seed)

    @contextmanager
    def observed(self, model: nn.Layer, observer: Observer) -> Iterator[None]:
        with intercepted(observer), as_kernels():
            yield

    def hook(self, tensor: paddle.Tensor, function: Callable[[Any], Any]) -> Callable[[], object]:
        return tensor.register_hook(function).remove

    def node(self, tensor: paddle.Tensor) -> Hashable | None:
        return _place(_node(tensor)) if not tensor.stop_gradient else None

    def behind(self, tensor: paddle.Tensor, known: Container[Hashable]) -> list[Hashable]:
        queue, found, seen = [_node(tensor)], list[Hashable](), set[Hashable]()
        while queue:
            node = queue.pop()
            key = _place(node)
            if key is None or key in seen:
                continue
            seen.add(key)
            if key in known:
                found.append(key)
            else:
                queue += node.next_functions
        return found

    def backward(
        self, outputs: Sequence[paddle.Tensor], gradients: Sequence[paddle.Tensor],
        targets: Mapping[vocabulary.Key, paddle.Tensor], done: Callable[[vocabulary.Key, Array], None],
    ) -> None:  # fmt: skip
        once: dict[int, tuple[paddle.Tensor, paddle.Tensor]] = {}
        for tensor, sent in zip(outputs, gradients, strict=True):  # Paddle refuses a tensor that is given twice
            once[id(tensor)] = tensor, once[id(tensor)][1] + sent if id(tensor) in once else sent
        paddle.autograd.backward([tensor for tensor, _ in once.values()], [summed for _, summed in once.values()])
        for key, tensor in targets.items():
            if tensor.grad is not None:
                gradient = self.to_numpy(tensor.grad)
                _forget(tensor)
                done(key, gradient)

    def step(self, optimiser: Any) -> None:
        optimiser.step()
        optimiser.clear_grad()

    def argument(self, setting: vocabulary.Setting, value: Any) -> str:
        if setting.name == "momentum":
            value = round(1.0 - float(value), 12)
        elif setting.name == "count_include_pad":
            return f"exclusive={not value}"
        elif setting.name == "approximate":
            value = value == "tanh"
        return super().argument(setting, value)

    def message(self, error: Exception) -> str:
        """One line, without Paddle's own stack and places in its source."""
        text = str(error)
        words = " ".join(text[text.rfind("Error:") :].split() if "Traceback" in text else text.split())
        return re.sub(r" ?(\[(Hint:|operator <)|\(at /).*", "", words)


def _forget(tensor: paddle.Tensor) -> None:
    """Leave a tensor without a gradient; what held it is left empty. Before 3.3 Paddle refuses ``grad = None``."""
    tensor.clear_gradient(False)  # not "to zero": by keyword it would be passed over


class _Exchanged(PyLayer):
    """Other values; the gradient goes on to the tensor whose they are not."""

    @staticmethod
    def forward(ctx: Any, tensor: paddle.Tensor, values: paddle.Tensor) -> paddle.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, gradient: paddle.Tensor) -> paddle.Tensor:
        return gradient.clone()


def _generators() -> dict[str, Any]:
    """The state of the random generators, by device."""
    devices = ["cpu", *(["gpu"] if paddle.device.is_compiled_with_cuda() else [])]
    return {device: paddle.get_rng_state(device) for device in devices}


def _node(tensor: paddle.Tensor) -> Any:
    """What made a tensor, in the graph of gradients; None where nothing did.

    Paddle 3.3 counts a reference too many whenever it is asked, and would keep the graph of every run, hooks and all,
    for ever. How many too many is seen by asking again; they are given back.
    """
    node = tensor.grad_fn
    if node is not None:
        before = sys.getrefcount(node)
        again = tensor.grad_fn
        del again
        for _ in range(2 * (sys.getrefcount(node) - before)):
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(node))
    return node


@dataclass(frozen=True, slots=True)
class _Place:
    """A node by its address, which is no other's for as long as the node is held."""

    address: int
    node: Any = field(compare=False)


def _place(node: Any) -> Hashable | None:
    """What tells a node of the gradient graph from others; None in a version of Paddle that does not tell."""
    return _Place(node.node_ptr(), node) if hasattr(node, "node_ptr") else None


def _alias(tensor: paddle.Tensor) -> paddle.Tensor:
    """Another tensor on the same memory, which keeps it when the first is given other memory."""
    alias = paddle.empty([0])
    if tensor._is_initialized():
        _share(alias, tensor)
    return alias


def _share(target: paddle.Tensor, source: paddle.Tensor) -> None:
    target.get_tensor()._share_data_with(source.get_tensor())


def _renamed(name: str) -> str:
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}{RENAMED.get(last, last)}"


tracer = PaddleTracer()
