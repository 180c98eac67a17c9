"""torch behind the parity lab's Tracer protocol: every torch function that a model calls, seen as it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from nlblocks.backend import Array
from nlblocks.parity.recording.dropout import dropout_mask
from nlblocks.parity.recording.recorder import Call, Recorder, deliver, private
from nlblocks.parity.recording.tracer import RunOptions, output_gradient
from nlblocks.parity.tracing.trace import Tensor, Trace
from nlblocks.parity.tracing.vocabulary import signature
from nlblocks_torch.lab.calls import PADDLE_CONSTANTS, ROUNDED_BACKWARD, TABLE, finish
from nlblocks_torch.lab.fused import attention_inside, multi_head_inside
from nlblocks_torch.lab.own_layers import as_operations

SKIPPED = {"__get__", "__set__", "requires_grad", "register_hook", "_set_grad_enabled", "backward", "retain_grad"}
PROPERTIES = {"T", "mT", "data", "H", "mH", "real"}
DIVIDED = {"avg_pool", "adaptive_avg_pool"}
"""What divides by a count that Paddle's backward pass holds as float32."""
RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}


class TorchTracer:
    """Runs torch modules for the parity lab."""

    name = "torch"
    constants = "exact"

    def owns(self, model: Any) -> bool:
        return isinstance(model, nn.Module)

    def state(self, model: nn.Module) -> dict[str, Array]:
        return {name: _numpy(tensor) for name, tensor in _named(model).items()}

    def describe(self, model: nn.Module) -> dict[str, Tensor]:
        parameters = {id(p) for p in model.parameters()}
        return {
            name: Tensor(
                shape=tuple(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."),
                trainable=tensor.requires_grad, buffer=id(tensor) not in parameters,
            )
            for name, tensor in _named(model).items()
        }  # fmt: skip

    def dtype(self, model: nn.Module) -> str:
        found = [t.dtype for t in _named(model).values() if t.is_floating_point()]
        return str(found[0] if found else torch.get_default_dtype()).removeprefix("torch.")

    def run(self, model: nn.Module, options: RunOptions, state: Mapping[str, Array]) -> Trace:
        trace = Trace(
            framework="torch", model=type(model).__name__, training=options.training, dtype=options.dtype,
            state=self.describe(model),
            layers={name: type(module).__name__ for name, module in model.named_modules()},
        )  # fmt: skip
        with _prepared(model, options, state):
            self._run(model, options, trace)
        return trace

    def _run(self, model: nn.Module, options: RunOptions, trace: Trace) -> None:
        def watch(tensor: torch.Tensor, number: int) -> None:
            if options.backward and tensor.requires_grad:
                tensor.register_hook(lambda grad: trace.grads.__setitem__(number, private(_numpy(grad))))

        recorder = Recorder(
            trace, table=TABLE, is_tensor=torch.is_tensor, view=_numpy, version=lambda t: int(t._version),
            keep=options.keep, watch=watch, given=options.given, give=_given, steer=_steered,
        )  # fmt: skip
        inputs = [_tensor(array, options) for array in options.inputs]
        for index, tensor in enumerate(inputs):
            recorder.introduce(tensor, f"input:{index}")
        named = _named(model)
        for name, tensor in named.items():
            recorder.introduce(tensor, f"parameter:{name}")
        try:
            with ExitStack() as stack:
                stack.enter_context(torch.set_grad_enabled(options.backward))
                stack.enter_context(_scopes(model, recorder))
                stack.enter_context(as_operations(model, recorder))
                with _Mode(recorder, options):
                    result = options.call(model, inputs)
            found = recorder.finish(result)
            if not found:
                trace.error = f"{trace.model} returned {type(result).__name__}, which holds no tensor"
            if options.backward:
                _backward(found, inputs, named, trace, options)
        except Exception as error:
            trace.error = f"{type(error).__name__}: {_line(error)}"
            trace.error_scope = recorder.scopes[-1][0]
        trace.buffers_after = {
            name: private(_numpy(tensor)) for name, tensor in _named(model).items() if trace.state[name].buffer
        }

    def train(
        self,
        model: nn.Module,
        options: RunOptions,
        state: Mapping[str, Array],
        *,
        steps: int,
        optimiser: Callable[..., Any],
    ) -> list[dict[str, Array]]:
        states = []
        with _prepared(model, options, state):
            rule = optimiser([p for p in model.parameters() if p.requires_grad])
            for _ in range(steps):
                recorder = Recorder(
                    Trace(framework="torch", model="", training=True, dtype=options.dtype), table=TABLE,
                    is_tensor=torch.is_tensor, view=_numpy, version=lambda t: 0,
                )  # fmt: skip
                with as_operations(model, recorder), _Mode(recorder, options):
                    result = options.call(model, [_tensor(array, options) for array in options.inputs])
                loss = sum(
                    (tensor * _gradient(path, tensor, options)).sum()
                    for path, tensor in recorder.finish(result).items()
                    if tensor.requires_grad
                )
                loss.backward()
                rule.step()
                rule.zero_grad()
                states.append({name: private(_numpy(tensor)) for name, tensor in _named(model).items()})
        return states


class _Mode(TorchFunctionMode):
    """Sees every call of a torch function from outside torch's own functions."""

    def __init__(self, recorder: Recorder, options: RunOptions) -> None:
        super().__init__()
        self.recorder, self.options = recorder, options

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(func.__self__, "__name__", "")
            if name not in PROPERTIES:
                return func(*args, **kwargs)
        if name in SKIPPED or name.startswith("_has_") or self.recorder.busy:
            return func(*args, **kwargs)
        if name in ("view", "reshape", "permute", "size", "expand", "repeat"):
            args = args if len(args) <= 2 else (args[0], tuple(args[1:]))
        if name == "einsum" and len(args) > 2:
            args = (args[0], list(args[1:]))
        if name in RECURRENT:
            return self._recurrent(func, name, args, kwargs)
        call = self.recorder.before(name, args, kwargs)
        finish(call.kind, call.attrs)
        args, kwargs = self.recorder.corrected(call, args, kwargs)
        result = self._execute(func, call, args, kwargs)
        if name in ("__setitem__", "setitem"):
            self.recorder.after(call, None, target=args[0])
        elif call.kind != "multi_head":
            return self.recorder.after(call, result)
        return result

    def _execute(self, func: Any, call: Call, args: Any, kwargs: Any) -> Any:
        line = TABLE.get(call.name, "")
        if self.options.constants != "exact" and line:
            round_off = _float32 if self.options.constants == "float32" else _perturbed
            if call.kind == "hard_sigmoid":
                return (call.arguments["x"] * round_off(0.1666667) + 0.5).clamp(0.0, 1.0)
            if call.kind == "selu":
                scale, alpha = round_off(1.0507009873554805), round_off(1.6732632423543772)
                return F.elu(call.arguments["x"], alpha) * scale
            names = PADDLE_CONSTANTS.get(call.kind, ())
            for constant in (*names, *(ROUNDED_BACKWARD.get(call.kind, ()) if round_off is _perturbed else ())):
                args, kwargs = signature(line).replace(args, kwargs, constant, round_off)
            if call.kind in ("batch_norm", "instance_norm"):
                args, kwargs = signature(line).replace(args, kwargs, "momentum", lambda m: _old_weight(m, round_off))
        if call.kind in ("dropout", "dropout_channels") and call.attrs["training"] and call.attrs["p"] > 0:
            return self._dropout(call)
        if call.kind == "attention":
            args, kwargs = signature(line).replace(args, kwargs, "p", lambda p: 0.0)
            if self.recorder.capture:
                attention_inside(self.recorder, call)
        if call.name == "multi_head_attention_forward":
            call.kind = "multi_head"
            return multi_head_inside(self.recorder, call, func, args, kwargs)
        result = func(*args, **kwargs)
        if self.options.constants == "perturbed" and _divided(call) and self.options.backward:
            return result + (result - result.detach()) * 2.0**-23
        if self.options.constants == "perturbed" and call.kind == "interpolate" and call.attrs["mode"] != "nearest":
            return _resized_off(result)
        if self.options.constants == "perturbed" and call.attrs.get("label_smoothing"):
            return result * (1.0 + 2.0**-23)  # Paddle smooths labels by two float32 constants
        return result

    def _dropout(self, call: Call) -> torch.Tensor:
        """The same mask as in every other framework."""
        x, p = call.arguments["x"], float(call.attrs["p"])
        shape = tuple(x.shape) if call.kind == "dropout" else (*x.shape[:2], *[1] * (x.ndim - 2))
        own = (*shape, self.recorder.count(shape))
        drawn = call.attrs["drawn"] = self.options.masks.get(call.site, own)
        keep = torch.from_numpy(dropout_mask(drawn, shape, p, self.options.seed)).to(x)
        return x * keep * (1.0 / (1.0 - p) if p < 1 else 0.0)

    def _recurrent(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """lstm(x, states, weights, biased, layers, dropout, train, bidirectional, batch_first)."""
        if not isinstance(args[2], list | tuple) or not isinstance(args[3], bool):  # packed sequences
            return func(*args, **kwargs)
        x, states, weights, biased, layers, _, _, bidirectional, batch_first = args[:9]
        states = states if isinstance(states, list | tuple) else [states]
        parts = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if biased else [])]
        suffixes = [f"_l{layer}{end}" for layer in range(layers) for end in (["", "_reverse"][: 1 + bidirectional])]
        roles = ["x", *[f"state{i}" for i in range(len(states))], *[p + s for s in suffixes for p in parts]]
        numbers = [self.recorder.number(tensor) for tensor in (x, *states, *weights)]
        attrs = {"layers": layers, "bidirectional": bidirectional, "time_major": not batch_first}
        call = Call(name, name, tuple(numbers), tuple(roles[: len(numbers)]), attrs, {}, self.recorder.site(name))
        changed = list(args)
        changed[5] = 0.0
        result = func(*changed, **kwargs)
        return self.recorder.after(call, result)


@contextmanager
def _scopes(model: nn.Module, recorder: Recorder) -> Iterator[None]:
    handles = []
    for path, module in model.named_modules():
        leaf = (path != "" and not any(True for _ in module.children())) or type(module).__module__.startswith(
            "torch.nn."
        )
        leaf = leaf and not isinstance(module, nn.Sequential | nn.ModuleList)

        def enter(_: Any, __: Any, path: str = path, leaf: bool = leaf) -> None:
            recorder.enter(path, leaf)

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(lambda *_: recorder.leave()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _prepared(model: nn.Module, options: RunOptions, state: Mapping[str, Array]) -> Iterator[None]:
    """The model in another dtype and mode, with a state of its own; all of it is undone afterwards."""
    dtype = getattr(torch, options.dtype)
    modes = {module: module.training for module in model.modules()}
    data = {p: (p.data, p.grad) for p in model.parameters()}
    buffers = {module: dict(module._buffers) for module in model.modules()}
    plain = {
        module: {key: value for key, value in vars(module).items() if torch.is_tensor(value)}
        for module in model.modules()
    }
    default, generator = torch.get_default_dtype(), torch.get_rng_state()

    names = {id(tensor): name for name, tensor in _named(model).items()}
    made: dict[int, torch.Tensor] = {}

    def own(tensor: torch.Tensor) -> torch.Tensor:
        """A private tensor in its place, the same one wherever it is used."""
        if id(tensor) not in made:
            given = dtype if tensor.is_floating_point() else tensor.dtype
            name = names.get(id(tensor))
            source = tensor.detach() if name is None else _from_numpy(state[name])
            made[id(tensor)] = torch.empty(tensor.shape, dtype=given, device=tensor.device).copy_(source)
        return made[id(tensor)]

    try:
        torch.set_default_dtype(dtype)
        model.train(options.training)
        for parameter in data:
            parameter.data, parameter.grad = own(parameter), None
        for module, tensors in buffers.items():
            for name, tensor in tensors.items():
                if tensor is not None:
                    module._buffers[name] = own(tensor)
        for module, found in plain.items():
            vars(module).update({key: own(value) for key, value in found.items()})
        yield
    finally:
        torch.set_default_dtype(default)
        torch.set_rng_state(generator)
        for parameter, (values, grad) in data.items():
            parameter.data = values
            parameter.grad = grad
        for module, tensors in buffers.items():
            module._buffers.clear()
            module._buffers.update(tensors)
            vars(module).update(plain[module])
            module.training = modes[module]


def _backward(
    found: Mapping[str, torch.Tensor], inputs: list[torch.Tensor], named: Mapping[str, torch.Tensor], trace: Trace,
    options: RunOptions,
) -> None:  # fmt: skip
    outputs = {path: tensor for path, tensor in found.items() if tensor.requires_grad}
    if not outputs:
        trace.error = f"{trace.model}: no output has a gradient"
        return
    targets = {("grad_input", str(i)): tensor for i, tensor in enumerate(inputs)}
    targets |= {("grad_params", name): tensor for name, tensor in named.items()}

    def watch(key: tuple[str, str], tensor: torch.Tensor) -> Any:
        def done(leaf: torch.Tensor) -> None:
            assert leaf.grad is not None
            gradient, leaf.grad = leaf.grad, None
            deliver(trace, options, key, _numpy(gradient))

        return tensor.register_post_accumulate_grad_hook(done)

    handles = [watch(key, tensor) for key, tensor in targets.items() if tensor.requires_grad and tensor.is_leaf]
    try:
        grads: Any = [_gradient(path, tensor, options) for path, tensor in outputs.items()]
        torch.autograd.backward(list(outputs.values()), grads)
    finally:
        for handle in handles:
            handle.remove()


def _gradient(path: str, tensor: torch.Tensor, options: RunOptions) -> torch.Tensor:
    return torch.from_numpy(output_gradient(path, tensor.shape, options)).to(tensor)


def _named(model: nn.Module) -> dict[str, torch.Tensor]:
    """Floating parameters and buffers by name, each once."""
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor for name, tensor in found.items() if tensor.is_floating_point()}


def _given(tensor: torch.Tensor, value: Array) -> torch.Tensor:
    """A tensor with exactly these values whose gradient goes where the first one's went."""
    return _from_numpy(value).to(tensor.dtype) + (tensor - tensor.detach())


def _steered(tensor: torch.Tensor, gradient: Array) -> None:
    if tensor.requires_grad:
        tensor.register_hook(lambda _: _from_numpy(gradient).to(tensor.dtype))


def _from_numpy(array: Array) -> torch.Tensor:
    """A tensor on the array's memory, or on a copy where torch cannot read that."""
    readable = array.flags.writeable and all(step > 0 for step in array.strides)
    return torch.from_numpy(array if readable else np.array(array))


def _tensor(array: Array, options: RunOptions) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array, copy=True))
    if tensor.is_floating_point():
        tensor = tensor.to(getattr(torch, options.dtype)).requires_grad_(options.backward)
    return tensor


def _numpy(tensor: torch.Tensor) -> Array:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _float32(value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value


def _perturbed(value: Any) -> Any:
    """Moved by a float32 unit in the last place: what a constant that Paddle holds as float32 may be off by."""
    return float(np.float32(value)) * (1.0 + 2.0**-22) if isinstance(value, float) else value


def _divided(call: Call) -> bool:
    """Whether the other framework's average pooling may stand for it, whose gradient it divides by a float32 count."""
    axes = call.attrs.get("axis")
    spatial = isinstance(axes, tuple) and min(axes) >= 2
    return call.kind in DIVIDED or (call.kind == "mean" and spatial)


def _resized_off(result: torch.Tensor) -> torch.Tensor:
    """Paddle holds the ratio of extents as float32: what is read may lie by as much times the extent aside."""
    moved = result
    for axis in range(2, result.ndim):
        extent = result.shape[axis]
        step = (result - result.roll(1, axis)).narrow(axis, 1, extent - 1)
        moved = moved + F.pad(step, [0, 0] * (result.ndim - 1 - axis) + [1, 0]) * (extent * 2.0**-24)
    return moved


def _old_weight(value: Any, round_off: Callable[[Any], Any]) -> Any:
    """Paddle keeps 1 - momentum as float32."""
    return 1.0 - round_off(1.0 - value) if isinstance(value, float) else value


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


tracer = TorchTracer()
