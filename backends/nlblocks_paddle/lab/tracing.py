"""Paddle behind the parity lab's Tracer protocol."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle import nn

from nlblocks.backend import Array
from nlblocks.parity.recording.dropout import dropout_mask
from nlblocks.parity.recording.fused_attention import attention_steps
from nlblocks.parity.recording.recorder import Call, Recorder, deliver, private
from nlblocks.parity.recording.tracer import Given, Keep, RunOptions, output_gradient
from nlblocks.parity.tracing.trace import Tensor, Trace
from nlblocks.parity.tracing.vocabulary import signature
from nlblocks_paddle.lab.calls import TABLE, finish
from nlblocks_paddle.lab.interception import intercepted
from nlblocks_paddle.lab.own_layers import as_operations

RENAMED = {"_mean": "running_mean", "_variance": "running_var"}


class PaddleTracer:
    """Runs Paddle layers for the parity lab."""

    name = "paddle"
    constants = "float32"

    def owns(self, model: Any) -> bool:
        return isinstance(model, nn.Layer)

    def state(self, model: nn.Layer) -> dict[str, Array]:
        return {name: _numpy(tensor) for name, tensor in _named(model).items()}

    def describe(self, model: nn.Layer) -> dict[str, Tensor]:
        buffers = _buffers(model)
        return {
            name: Tensor(
                shape=tuple(tensor.shape), dtype=str(tensor.dtype).removeprefix("paddle."),
                trainable=name not in buffers and not tensor.stop_gradient, buffer=name in buffers,
            )
            for name, tensor in _named(model).items()
        }  # fmt: skip

    def dtype(self, model: nn.Layer) -> str:
        found = [str(t.dtype).removeprefix("paddle.") for t in _named(model).values()]
        return found[0] if found else paddle.get_default_dtype()

    def run(self, model: nn.Layer, options: RunOptions, state: Mapping[str, Array]) -> Trace:
        trace = Trace(
            framework="paddle", model=type(model).__name__, training=options.training, dtype=options.dtype,
            state=self.describe(model),
            layers={name: type(layer).__name__ for name, layer in model.named_sublayers(include_self=True)},
        )  # fmt: skip
        with _prepared(model, options, state):
            self._run(model, options, trace)
        return trace

    def _run(self, model: nn.Layer, options: RunOptions, trace: Trace) -> None:
        def watch(tensor: paddle.Tensor, number: int) -> None:
            if options.backward and not tensor.stop_gradient:

                def keep(grad: paddle.Tensor | None) -> None:
                    if grad is not None:
                        trace.grads[number] = private(_numpy(grad))

                tensor.register_hook(keep)

        recorder = _recorder(trace, options.keep, watch, options.given)
        named = _named(model)
        inputs = [_tensor(array, options) for array in options.inputs]
        for index, tensor in enumerate(inputs):
            recorder.introduce(tensor, f"input:{index}")
        for name, tensor in named.items():
            recorder.introduce(tensor, f"parameter:{name}")
        try:
            with paddle.set_grad_enabled(options.backward), _seen(model, recorder, options):
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
        model: nn.Layer,
        options: RunOptions,
        state: Mapping[str, Array],
        *,
        steps: int,
        optimiser: Callable[..., Any],
    ) -> list[dict[str, Array]]:
        states = []
        with _prepared(model, options, state):
            rule = optimiser([p for p in model.parameters() if not p.stop_gradient])
            for _ in range(steps):
                recorder = _recorder(Trace(framework="paddle", model="", training=True, dtype=options.dtype), "results")
                with _seen(model, recorder, options):
                    result = options.call(model, [_tensor(array, options) for array in options.inputs])
                outputs = {p: t for p, t in recorder.finish(result).items() if not t.stop_gradient}
                loss = sum((tensor * _gradient(path, tensor, options)).sum() for path, tensor in outputs.items())
                loss.backward()
                rule.step()
                rule.clear_grad()
                states.append({name: private(_numpy(tensor)) for name, tensor in _named(model).items()})
        return states


@contextmanager
def _seen(model: nn.Layer, recorder: Recorder, options: RunOptions) -> Iterator[None]:
    """Within, the recorder sees what the model calls, and in which layer."""
    handler = _Handler(recorder, options)
    with _scopes(model, recorder), as_operations(model, recorder), intercepted(model, handler):
        yield


class _Handler:
    """What happens at each outermost call."""

    def __init__(self, recorder: Recorder, options: RunOptions) -> None:
        self.recorder, self.options = recorder, options

    def __call__(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in ("reshape", "transpose", "expand", "tile", "view") and len(args) > 2:
            args = (args[0], list(args[1:]))
        if name == "einsum" and len(args) > 2:
            self.recorder.after(
                self.recorder.before(name, (args[0], list(args[1:])), kwargs), result := function(*args, **kwargs)
            )
            return result
        if name == "C.rnn":
            return self._recurrent(function, args, kwargs)
        call = self.recorder.before(name, args, kwargs)
        ndim = len(args[0].shape) if args and isinstance(args[0], paddle.Tensor) else 0
        finish(call.kind, call.attrs, ndim)
        args, kwargs = self.recorder.corrected(call, args, kwargs)
        result = self._execute(function, call, args, kwargs)
        if name == "__setitem__":
            self.recorder.after(call, None, target=args[0])
            return result
        return self.recorder.after(call, result)

    def _execute(self, function: Callable[..., Any], call: Call, args: Any, kwargs: Any) -> Any:
        if call.kind in ("dropout", "dropout_channels") and call.attrs["training"] and call.attrs["p"] > 0:
            return self._dropout(call)
        if call.kind == "attention":
            args, kwargs = signature(TABLE[call.name]).replace(args, kwargs, "p", lambda p: 0.0)
            if self.recorder.capture:
                _attention_inside(self.recorder, call)
        return function(*args, **kwargs)

    def _dropout(self, call: Call) -> paddle.Tensor:
        """The same mask as in every other framework."""
        x, p = call.arguments["x"], float(call.attrs["p"])
        shape = tuple(x.shape)
        axis = call.arguments.get("axis")
        if call.kind == "dropout_channels":
            axis = [0, 1]
        if axis is not None:
            axis = [axis] if isinstance(axis, int) else list(axis)
            shape = tuple(extent if i in axis else 1 for i, extent in enumerate(shape))
        own = (*shape, self.recorder.count(shape))
        drawn = call.attrs["drawn"] = self.options.masks.get(call.site, own)
        keep = paddle.to_tensor(dropout_mask(drawn, shape, p, self.options.seed)).astype(x.dtype)
        if call.attrs["mode"] == "downscale_in_infer":
            return x * keep
        return x * keep * (1.0 / (1.0 - p) if p < 1 else 0.0)

    def _recurrent(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """rnn(x, states, weights, length, dropout_state, p, bidirectional, in, hidden, layers, mode, seed, test)."""
        x, states, weights, bidirectional, layers = args[0], args[1], args[2], args[6], args[9]
        suffixes = [f"_l{layer}{end}" for layer in range(layers) for end in (["", "_reverse"][: 1 + bidirectional])]
        parts = [("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")]
        names = [part + suffix for pair in parts for suffix in suffixes for part in pair]
        roles = ["x", *[f"state{i}" for i in range(len(states))], *names]
        numbers = [self.recorder.number(tensor) for tensor in (x, *states, *weights)]
        attrs = {"layers": layers, "bidirectional": bool(bidirectional), "time_major": True}
        kind = {"RNN_TANH": "rnn_tanh", "RNN_RELU": "rnn_relu"}.get(args[10], str(args[10]).lower())
        call = Call(kind, kind, tuple(numbers), tuple(roles[: len(numbers)]), attrs, {}, self.recorder.site(kind))
        changed = list(args)
        changed[5] = 0.0
        result = function(*changed, **kwargs)
        made = self.recorder.after(call, [result[0], *result[2]])
        return (made[0], result[1], made[1:], *result[3:])


def _attention_inside(recorder: Recorder, call: Call) -> None:
    """[B, L, H, D] is Paddle's layout."""
    numbers = dict(zip(call.roles, call.inputs, strict=True))
    query, key = (np.swapaxes(_numpy(call.arguments[name]), 1, 2) for name in ("query", "key"))
    mask = call.arguments.get("mask")
    attention, number = attention_steps(
        recorder, query, key, (numbers["query"], numbers["key"]), call.attrs.get("scale"),
        None if mask is None else _numpy(mask), numbers.get("mask"), bool(call.attrs.get("causal")),
    )  # fmt: skip
    mixed = attention @ np.swapaxes(_numpy(call.arguments["value"]), 1, 2)
    number = recorder.note("matmul", (number, numbers["value"]), ("x", "other"), mixed)
    call.kind, call.inputs, call.roles = "swapaxes", (number,), ("x",)


def _recorder(trace: Trace, keep: Keep, watch: Any = None, given: Given | None = None) -> Recorder:
    return Recorder(
        trace, table=TABLE, is_tensor=lambda v: isinstance(v, paddle.Tensor), view=_numpy,
        version=lambda t: int(t.inplace_version), keep=keep, watch=watch,
        given=given, give=_given, steer=_steered,
    )  # fmt: skip


def _given(tensor: paddle.Tensor, value: Array) -> paddle.Tensor:
    """A tensor with exactly these values whose gradient goes where the first one's went."""
    own = paddle.to_tensor(value, dtype=tensor.dtype, place=tensor.place)
    return own + (tensor - tensor.detach())


def _steered(tensor: paddle.Tensor, gradient: Array) -> None:
    if not tensor.stop_gradient:
        tensor.register_hook(lambda _: paddle.to_tensor(gradient, dtype=tensor.dtype, place=tensor.place))


@contextmanager
def _scopes(model: nn.Layer, recorder: Recorder) -> Iterator[None]:
    handles = []
    for path, layer in model.named_sublayers(include_self=True):
        leaf = (path != "" and not any(True for _ in layer.children())) or type(layer).__module__.startswith(
            "paddle.nn."
        )
        leaf = leaf and not isinstance(layer, nn.Sequential | nn.LayerList)

        def enter(_: Any, __: Any, path: str = path, leaf: bool = leaf) -> None:
            recorder.enter(path, leaf)

        def leave(*_: Any) -> None:
            recorder.leave()

        hooks: Any = enter, leave
        handles += [layer.register_forward_pre_hook(hooks[0]), layer.register_forward_post_hook(hooks[1])]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _prepared(model: nn.Layer, options: RunOptions, state: Mapping[str, Array]) -> Iterator[None]:
    """The layer in another dtype and mode, with a state of its own; all of it is undone afterwards."""
    layers = model.sublayers(include_self=True)
    modes = [(layer, layer.training) for layer in layers]
    parameters = list(model.parameters())
    saved = [(p, _alias(p), None if p.grad is None else _alias(p.grad)) for p in parameters]
    buffers = [(layer, dict(layer._buffers)) for layer in layers]
    plain = [
        (layer, {key: value for key, value in vars(layer).items() if isinstance(value, paddle.Tensor)})
        for layer in layers
    ]
    default, generator = paddle.get_default_dtype(), paddle.get_rng_state()
    dtype: Any = options.dtype
    names = {id(tensor): name for name, tensor in _named(model).items()}
    made: dict[int, paddle.Tensor] = {}

    def own(tensor: paddle.Tensor) -> paddle.Tensor:
        """A private tensor in its place, the same one wherever it is used."""
        if not tensor._is_initialized():
            return tensor
        if id(tensor) not in made:
            name = names.get(id(tensor))
            if name is not None:
                made[id(tensor)] = _from_numpy(np.array(state[name], dtype=dtype, order="C"), tensor.place)
            else:
                clone = tensor.detach().clone()
                made[id(tensor)] = clone.astype(dtype) if tensor.is_floating_point() else clone
        return made[id(tensor)]

    quiet = warnings.catch_warnings()
    quiet.__enter__()
    # Paddle says at every training pass of a BatchNorm that it moves the running statistics.
    warnings.filterwarnings("ignore", message="When training, we now always track")
    try:
        paddle.set_default_dtype(dtype)
        model.train() if options.training else model.eval()
        for parameter in parameters:
            _share(parameter, own(parameter))
            parameter.grad = None
        for (layer, tensors), (_, found) in zip(buffers, plain, strict=True):
            for name, tensor in tensors.items():
                if tensor is not None:
                    layer._buffers[name] = own(tensor)
            vars(layer).update({key: own(value) for key, value in found.items()})
        yield
    finally:
        quiet.__exit__(None, None, None)
        paddle.set_default_dtype(default)
        paddle.set_rng_state(generator)
        for parameter, values, grad in saved:
            _share(parameter, values)
            parameter.grad = None  # else Paddle copies into the gradient that training left, of another dtype
            parameter.grad = grad
        for (layer, tensors), (_, found) in zip(buffers, plain, strict=True):
            layer._buffers.clear()
            layer._buffers.update(tensors)
            vars(layer).update(found)
        for layer, mode in modes:
            layer.training = mode


def _alias(tensor: paddle.Tensor) -> paddle.Tensor:
    """Another tensor on the same memory, which keeps it when the first is given other memory."""
    alias = paddle.empty([0])
    if tensor._is_initialized():
        _share(alias, tensor)
    return alias


def _share(target: paddle.Tensor, source: paddle.Tensor) -> None:
    target.get_tensor()._share_data_with(source.get_tensor())


def _backward(
    found: Mapping[str, paddle.Tensor], inputs: list[paddle.Tensor], named: Mapping[str, paddle.Tensor], trace: Trace,
    options: RunOptions,
) -> None:  # fmt: skip
    outputs = {path: tensor for path, tensor in found.items() if not tensor.stop_gradient}
    if not outputs:
        trace.error = f"{trace.model}: no output has a gradient"
        return
    grads = [_gradient(path, tensor, options) for path, tensor in outputs.items()]
    paddle.autograd.backward(list(outputs.values()), grads)
    targets = {("grad_input", str(i)): tensor for i, tensor in enumerate(inputs)}
    targets |= {("grad_params", name): tensor for name, tensor in named.items()}
    for key, tensor in targets.items():
        if tensor.grad is not None:
            gradient = _numpy(tensor.grad)
            tensor.grad = None  # clear_gradient would write zeros into it
            deliver(trace, options, key, gradient)


def _gradient(path: str, tensor: paddle.Tensor, options: RunOptions) -> paddle.Tensor:
    return paddle.to_tensor(output_gradient(path, tensor.shape, options), dtype=tensor.dtype)


def _named(model: nn.Layer) -> dict[str, paddle.Tensor]:
    """Floating parameters and buffers, each once, the running statistics under the names that torch has."""
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {_renamed(name): tensor for name, tensor in found.items() if tensor.is_floating_point()}


def _buffers(model: nn.Layer) -> set[str]:
    names = {_renamed(name) for name, _ in model.named_buffers()}
    return names | {name for name in _named(model) if name.rpartition(".")[2] in ("running_mean", "running_var")}


def _renamed(name: str) -> str:
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}{RENAMED.get(last, last)}"


def _tensor(array: Array, options: RunOptions) -> paddle.Tensor:
    if array.dtype.kind != "f":
        return paddle.to_tensor(array)
    dtype: Any = options.dtype
    return paddle.to_tensor(array, dtype=dtype, stop_gradient=not options.backward)


def _numpy(tensor: paddle.Tensor) -> Array:
    """The tensor's values, on its own memory where NumPy can read that."""
    tensor = tensor.detach()
    tensor = tensor.astype("float32") if tensor.dtype == paddle.bfloat16 else tensor
    shared = tensor.place.is_cpu_place() and tensor._is_initialized() and tensor.numel() > 0
    return np.from_dlpack(tensor) if shared else tensor.numpy()


def _from_numpy(array: Array, place: Any) -> paddle.Tensor:
    """A tensor on the array's memory, or on a device."""
    return paddle.utils.dlpack.from_dlpack(array) if place.is_cpu_place() else paddle.to_tensor(array, place=place)


def _line(error: Exception) -> str:
    """One line, without Paddle's own stack and places in its source."""
    text = str(error)
    words = " ".join(text[text.rfind("Error:") :].split() if "Traceback" in text else text.split())
    return re.sub(r" ?(\[(Hint:|operator <)|\(at /).*", "", words)[:300]


tracer = PaddleTracer()
