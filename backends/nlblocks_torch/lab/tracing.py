"""torch behind the parity lab's Tracer: its primitives, and every torch function that a model calls as it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from nlblocks.backend import Array
from nlblocks.parity.recording import Observer, Recurrent, Tracer
from nlblocks.parity.tracing import vocabulary
from nlblocks_torch.compiled import refuse_program
from nlblocks_torch.lab.calls import TABLE, VARIADIC, finish
from nlblocks_torch.lab.fused import multi_head
from nlblocks_torch.lab.held import exact
from nlblocks_torch.layers import BatchNorm

SKIPPED = {"__get__", "__set__", "requires_grad", "register_hook", "_set_grad_enabled", "backward", "retain_grad"}
LACKING = ("not implemented for '", "Could not run 'aten::", "out of memory", "can't allocate memory")
HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
"""What a parameter keeps its hooks in."""
PROPERTIES = {"T", "mT", "data", "H", "mH", "real"}
CASTS = {"float": "float32", "half": "float16", "bfloat16": "bfloat16", "double": "float64"}
TYPES = {"FloatTensor": "float32", "HalfTensor": "float16", "BFloat16Tensor": "bfloat16"}
"""What torch's names for types of tensors say."""


def recurrent(name: str, args: Sequence[Any]) -> Recurrent | None:
    """lstm(x, states, weights, biased, layers, dropout, train, bidirectional, batch_first)."""
    if not isinstance(args[2], list | tuple) or not isinstance(args[3], bool):  # packed sequences
        return None
    x, states, weights, biased, layers, p, training, bidirectional, batch_first = args[:9]
    several = isinstance(states, list | tuple)
    return Recurrent(
        kind=name, x=x, states=states if several else [states], weights=weights,
        groups=(("weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if biased else [])),), layers=layers,
        bidirectional=bidirectional, time_major=not batch_first, args=[*args[:5], 0.0, *args[6:]],
        p=float(p) if layers > 1 else 0.0, dropping=bool(training),
        single=lambda x, states, weights: [x, states if several else states[0], weights, biased, 1, 0.0, *args[6:]],
    )  # fmt: skip


class TorchTracer(Tracer):
    """Runs torch modules for the parity lab."""

    name = "torch"
    model_type = nn.Module
    tensor_type = torch.Tensor
    table = TABLE
    inplace = "_"
    variadic = VARIADIC
    own_layers = "torch.nn."
    containers = (nn.Sequential, nn.ModuleList)
    recurrent = dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), recurrent)
    fused = {"multi_head_attention_forward": multi_head}  # noqa: RUF012
    casts = CASTS
    functions = {"softmax": torch.softmax, "concat": torch.cat, "moveaxis": torch.moveaxis}  # noqa: RUF012
    batch_norm = BatchNorm
    lacking = LACKING
    finish = staticmethod(finish)

    def owns(self, model: Any) -> bool:
        """Whether it is a module. Raises InputError for a program that was made of one."""
        refuse_program(model, "it cannot be compared")
        return super().owns(model)

    def modules(self, model: nn.Module) -> dict[str, nn.Module]:
        return dict(model.named_modules())

    def named(self, model: nn.Module) -> dict[str, torch.Tensor]:
        found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return {
            name: tensor
            for name, tensor in found.items()
            if (tensor.is_floating_point() or tensor.is_complex()) and not self._says_nothing(model, name, tensor)
        }

    def _says_nothing(self, model: nn.Module, name: str, tensor: torch.Tensor) -> bool:
        """Whether it is an empty buffer that no file has: it is there for its dtype and device."""
        return 0 in tensor.shape and name in self.unsaved_names(model)

    def buffer_names(self, model: nn.Module) -> set[str]:
        return {name for name, _ in model.named_buffers()}

    def unsaved_names(self, model: Any) -> set[str]:
        layers = self.modules(model).items()
        return {f"{path}.{name}".lstrip(".") for path, layer in layers for name in layer._non_persistent_buffers_set}

    def saved(self, model: nn.Module, named: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = model.state_dict(keep_vars=True)  # else they would be other objects
        return {name: tensor for name, tensor in found.items() if isinstance(tensor, torch.Tensor)}

    def around(
        self, module: nn.Module, before: Callable[..., None], after: Callable[..., None]
    ) -> list[Callable[[], object]]:
        return [module.register_forward_pre_hook(before).remove, module.register_forward_hook(after).remove]

    def to_numpy(self, tensor: torch.Tensor) -> Array:
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

    def input(self, array: Array, dtype: str, model: nn.Module, *, gradient: bool) -> torch.Tensor:
        like = next(chain(model.parameters(), model.buffers()), None)
        tensor = torch.from_numpy(np.array(array)).to(None if like is None else like.device)
        own = _dtype(tensor, dtype)
        return tensor if own is None else tensor.to(own).requires_grad_(gradient)

    def like(self, array: Array, tensor: torch.Tensor) -> torch.Tensor:
        return _from_numpy(array).to(tensor)

    def copy(self, tensor: torch.Tensor, dtype: str, values: Array | None) -> torch.Tensor:
        own = _dtype(tensor, dtype) or tensor.dtype
        source = tensor.detach() if values is None else _from_numpy(values)
        return torch.empty(tensor.shape, dtype=own, device=tensor.device).copy_(source)

    def exchanged(self, tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return _Exchanged.apply(tensor, values)

    def cast(self, tensor: torch.Tensor, dtype: str) -> torch.Tensor:
        return tensor.to(getattr(torch, dtype))

    def renamed(self, value: Any, meant: Callable[[str], str]) -> Any:
        if isinstance(value, torch.dtype):
            name = str(value).removeprefix("torch.")
        elif isinstance(value, str | type):
            name = TYPES.get(getattr(value, "__name__", str(value)).rpartition(".")[2], "")
        else:
            return value
        return getattr(torch, meant(name)) if name and meant(name) != name else value

    @contextmanager
    def lent(self, tensors: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[None]:
        own = [(p, p.data, p.grad, p.requires_grad, [_entries(p, name) for name in HOOKS]) for p, _ in tensors]
        try:
            for parameter, tensor in tensors:
                parameter.data, parameter.grad = tensor, None
            yield
        finally:
            for parameter, values, grad, wanted, hooks in own:
                parameter.data = values
                parameter.grad = grad
                parameter.requires_grad_(wanted)
                for name, (held, entries) in zip(HOOKS, hooks, strict=True):
                    _put_back(parameter, name, held, entries)

    def write(self, tensor: torch.Tensor, array: Array) -> None:
        tensor.data.copy_(_from_numpy(array))

    def version(self, tensor: torch.Tensor) -> int:
        return tensor._version

    def wants_gradient(self, tensor: torch.Tensor) -> bool:
        return tensor.requires_grad

    def default_dtype(self) -> str:
        return str(torch.get_default_dtype()).removeprefix("torch.")

    @contextmanager
    def within(self, dtype: str, *, gradients: bool) -> Iterator[None]:
        default = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, dtype))
        try:
            with torch.random.fork_rng(_generators()), torch.set_grad_enabled(gradients), _whole_numbers():
                yield
        finally:
            torch.set_default_dtype(default)

    def seed(self, seed: int) -> None:
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)

    @contextmanager
    def observed(self, model: nn.Module, observer: Observer) -> Iterator[None]:
        # What is compiled runs as it is written: a compiled graph is out of sight.
        compiles = "torch._dynamo" in sys.modules
        plain = torch.set_default_dtype
        torch.set_default_dtype = lambda dtype: plain(self.renamed(dtype, observer.dtypes.meant))
        try:
            with (
                torch.compiler.set_stance("force_eager") if compiles else nullcontext(),
                _alone(model),
                _Mode(observer),
            ):
                yield
        finally:
            torch.set_default_dtype = plain

    def hook(self, tensor: torch.Tensor, function: Callable[[Any], Any]) -> Callable[[], object]:
        return tensor.register_hook(function).remove

    def node(self, tensor: torch.Tensor) -> Hashable | None:
        node = tensor.grad_fn
        if node is not None:
            return node._sequence_nr(), tensor.output_nr
        return ("leaf", id(tensor)) if tensor.requires_grad else None

    def behind(self, tensor: torch.Tensor, known: Container[Hashable]) -> list[Hashable]:
        queue: list[tuple[Any, int]] = [(tensor.grad_fn, tensor.output_nr)]
        found, seen = list[Hashable](), set[Hashable]()
        while queue:
            node, position = queue.pop()
            if node is None:
                continue
            leaf = getattr(node, "variable", None)
            key: Hashable = (node._sequence_nr(), position) if leaf is None else ("leaf", id(leaf))
            if key in seen:
                continue
            seen.add(key)
            if key in known:
                found.append(key)
            elif leaf is None:
                queue += node.next_functions
        return found

    def backward(
        self, outputs: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor],
        targets: Mapping[vocabulary.Key, torch.Tensor], done: Callable[[vocabulary.Key, Array], None],
    ) -> None:  # fmt: skip
        def watch(key: vocabulary.Key, tensor: torch.Tensor) -> Any:
            def taken(leaf: torch.Tensor) -> None:
                assert leaf.grad is not None
                gradient, leaf.grad = leaf.grad, None
                done(key, self.to_numpy(gradient))

            return tensor.register_post_accumulate_grad_hook(taken)

        handles = [watch(key, tensor) for key, tensor in targets.items() if tensor.requires_grad and tensor.is_leaf]
        try:
            torch.autograd.backward(outputs, gradients)
        finally:
            for handle in handles:
                handle.remove()

    def step(self, optimiser: Any) -> None:
        optimiser.step()
        optimiser.zero_grad()


@contextmanager
def _alone(model: nn.Module) -> Iterator[None]:
    """Within, SyncBatchNorm on a CPU runs as BatchNorm, which it refuses to do in a group of processes."""
    found = [m for m in model.modules() if isinstance(m, nn.SyncBatchNorm) and "forward" not in vars(m)]
    found = [m for m in found if all(t.device.type == "cpu" for t in (*m.parameters(), *m.buffers()))]
    for module in found:
        vars(module)["forward"] = partial(nn.BatchNorm2d.forward, module)
    try:
        yield
    finally:
        for module in found:
            del vars(module)["forward"]


class _Exchanged(torch.autograd.Function):
    """Other values; the gradient goes on to the tensor whose they are not."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], None


class _Mode(TorchFunctionMode):
    """Sees every call of a torch function from outside torch's own functions."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(func.__self__, "__name__", "")
            if name not in PROPERTIES:
                return func(*args, **kwargs)
        mapped = torch._C._functorch.peek_interpreter_stack() is not None  # vmap, grad: tensors without values
        if mapped or name in SKIPPED or name.startswith("_has_"):
            return func(*args, **kwargs)
        space = (getattr(func, "namespace", "") or getattr(func, "_qualified_op_name", "")).partition("::")[0]
        if space:  # torch.ops: torch's own by their names, what others registered is code that nobody here sees into
            name = name.partition(".")[0] if space == "aten" else vocabulary.UNTRACED
        return self.observer(name, exact(name, func, self.observer.held), args, kwargs)


def _dtype(tensor: torch.Tensor, dtype: str) -> torch.dtype | None:
    """What a tensor is in a run of a precision; None for integers, which stay."""
    if tensor.is_complex():
        return getattr(torch, vocabulary.COMPLEX[dtype])
    return getattr(torch, dtype) if tensor.is_floating_point() else None


@contextmanager
def _whole_numbers() -> Iterator[None]:
    """Within, float32 on a GPU is float32: left alone, its convolutions multiply 10 bits of each number."""
    if not torch.cuda.is_initialized():
        yield
        return
    products = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(products)


def _generators() -> list[int]:
    """The accelerators whose random state is to be put back: none where none was used."""
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []


def _entries(tensor: torch.Tensor, name: str) -> tuple[Any, dict[Any, Any]]:
    """A tensor's dict of hooks, if it has one, and what is in it."""
    held = getattr(tensor, name, None)
    return held, dict(held or {})


def _put_back(tensor: torch.Tensor, name: str, held: Any, entries: dict[Any, Any]) -> None:
    """Take out the hooks that were added; those that were there stay as they are."""
    now: Any = getattr(tensor, name, None)
    for key in [key for key in now or {} if key not in entries]:
        del now[key]
    if held is not None and dict(held) != entries:
        held.clear()
        held.update(entries)
    if held is None and now is not None and name == "_backward_hooks":
        tensor._backward_hooks = None


def _from_numpy(array: Array) -> torch.Tensor:
    """A tensor on the array's memory, or on a copy where torch cannot read that."""
    readable = array.flags.writeable and all(step > 0 for step in array.strides)
    return torch.from_numpy(array if readable else np.array(array))


tracer = TorchTracer()
