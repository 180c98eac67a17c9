"""How a framework's run of a model becomes a trace: written once, over what :class:`Framework` says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.recording.decisions import Decisions
from nlblocks.parity.recording.framework import Framework, Undo
from nlblocks.parity.recording.observer import Observer
from nlblocks.parity.recording.options import RunOptions, output_gradient
from nlblocks.parity.recording.own_batch_norm import as_operations
from nlblocks.parity.recording.prepared import prepared
from nlblocks.parity.recording.recorder import Recorder, dtype_name, private
from nlblocks.parity.tracing import Trace, vocabulary

MESSAGE = 300
"""Characters that are kept of an error's message."""


class Tracer(Framework):
    """Runs a framework's models for the lab. A backend derives one, and offers an object of it as ``tracer``."""

    decisions = Decisions

    def owns(self, model: Any) -> bool:
        """Whether the model is a module of this framework."""
        return isinstance(model, self.model_type)

    def state(self, model: Any) -> dict[str, Array]:
        """Parameters and buffers by the model's own names, in its own layouts; views of its memory, to be read only."""
        return {name: self.to_numpy(tensor) for name, tensor in self.named(model).items()}

    def describe(self, model: Any) -> dict[str, vocabulary.Tensor]:
        """Shapes and kinds of what :meth:`state` holds."""
        buffers = self.buffer_names(model)
        return {
            name: vocabulary.Tensor(
                shape=tuple(tensor.shape), dtype=dtype_name(tensor), buffer=name in buffers,
                trainable=name not in buffers and self.wants_gradient(tensor),
            )
            for name, tensor in self.named(model).items()
        }  # fmt: skip

    def dtype(self, model: Any) -> str:
        """The dtype of the model's floating parameters."""
        return next((dtype_name(tensor) for tensor in self.named(model).values()), self.default_dtype())

    def run(self, model: Any, state: Mapping[str, Array], **how: Any) -> Trace:
        """Run the model with this state, and leave it as it was; what it raises is the trace's ``error``.

        ``how`` are the fields of :class:`~nlblocks.parity.recording.options.RunOptions`.
        """
        options = RunOptions(**how)
        trace = Trace(
            framework=self.name, model=type(model).__name__, training=options.training, dtype=options.dtype,
            state=self.describe(model),
            layers={path: type(module).__name__ for path, module in self.modules(model).items()},
        )  # fmt: skip
        with prepared(self, model, options, state):
            self._run(model, options, trace)
        return trace

    def train(
        self, model: Any, state: Mapping[str, Array], *, steps: int, optimiser: Callable[..., Any], **how: Any
    ) -> list[dict[str, Array]]:
        """The state after each optimiser step on Σ output · gradient; the model is left as it was."""
        options, states = RunOptions(**{**how, "keep": "results"}), []
        with prepared(self, model, options, state):
            rule = optimiser([p for p in self.parameters(model) if self.wants_gradient(p)])
            for _ in range(steps):
                trace = Trace(framework=self.name, model=type(model).__name__, training=True, dtype=options.dtype)
                recorder = Recorder(self, trace, options)
                inputs = [self.input(array, options.dtype, gradient=options.backward) for array in options.inputs]
                found = self._forward(model, recorder, options, inputs)
                if not self._backward(found, options, {}, lambda key, gradient: None):
                    raise RuntimeError(f"{trace.model}: no output has a gradient")
                self.step(rule)
                states.append({name: private(self.to_numpy(tensor)) for name, tensor in self.named(model).items()})
        return states

    @contextmanager
    def deciding(self, model: Any, decisions: Decisions) -> Iterator[None]:
        """Within, what the model is called for fills decisions, or is held to them; nothing else is written down."""
        trace = Trace(framework=self.name, model=type(model).__name__, training=False, dtype="")
        options = RunOptions(inputs=(), keep="results", decisions=decisions)
        with self._followed(model, Recorder(self, trace, options), options):
            yield

    def _run(self, model: Any, options: RunOptions, trace: Trace) -> None:
        recorder = Recorder(self, trace, options)
        inputs = [self.input(array, options.dtype, gradient=options.backward) for array in options.inputs]
        targets: dict[vocabulary.Key, Any] = {("grad_input", str(index)): tensor for index, tensor in enumerate(inputs)}
        for index, tensor in enumerate(inputs):
            recorder.introduce(tensor, f"input:{index}")
        for name, tensor in self.named(model).items():
            recorder.introduce(tensor, f"parameter:{name}")
            targets["grad_params", name] = tensor

        def deliver(key: vocabulary.Key, gradient: Array) -> None:
            (trace.grad_inputs if key[0] == "grad_input" else trace.grad_params)[key[1]] = gradient

        try:
            found = self._forward(model, recorder, options, inputs)
            if options.backward and not self._backward(found, options, targets, options.gradients or deliver):
                trace.error = f"{trace.model}: no output has a gradient"
        except Exception as error:
            trace.error = f"{type(error).__name__}: {self.message(error)[:MESSAGE]}"
            trace.error_scope = recorder.scopes[-1][0]
        trace.buffers_after = {
            name: private(self.to_numpy(tensor))
            for name, tensor in self.named(model).items()
            if trace.state[name].buffer
        }

    def _forward(self, model: Any, recorder: Recorder, options: RunOptions, inputs: list[Any]) -> dict[str, Any]:
        """Run the model under observation; its outputs by the name of their gradient."""
        with self._followed(model, recorder, options):
            result = options.call(model, inputs)
        found = recorder.finish(result)
        if not found:
            trace = recorder.trace
            trace.error = f"{trace.model} returned {type(result).__name__}, which holds no tensor"
        return found

    @contextmanager
    def _followed(self, model: Any, recorder: Recorder, options: RunOptions) -> Iterator[None]:
        """Within, the recorder sees what the model calls, and in which module."""
        observer = Observer(self, recorder, options)
        modules = self.modules(model)
        undo: list[Undo] = []

        def leave(*_: Any) -> None:
            recorder.leave()

        with ExitStack() as stack:
            if self.batch_norm is not None:
                norms = (module for module in modules.values() if isinstance(module, self.batch_norm))
                stack.enter_context(as_operations(norms, observer))
            stack.callback(lambda: [put_back() for put_back in undo])
            for path, module in modules.items():
                undo += self.around(module, partial(_enter, recorder, path, self._leaf(path, module)), leave)
            stack.enter_context(self.observed(model, observer))
            yield

    def _leaf(self, path: str, module: Any) -> bool:
        """Whether a module is one layer: it has no parts, and is not the whole model, or it is the framework's own."""
        if isinstance(module, self.containers):
            return False
        own = bool(self.own_layers) and type(module).__module__.startswith(self.own_layers)
        return own or (path != "" and not any(True for _ in self.children(module)))

    def _backward(
        self, found: Mapping[str, Any], options: RunOptions, targets: Mapping[vocabulary.Key, Any],
        done: Callable[[vocabulary.Key, Array], None],
    ) -> bool:  # fmt: skip
        """Send the fixed gradients into the outputs; False where none of them takes one."""
        outputs = {path: tensor for path, tensor in found.items() if self.wants_gradient(tensor)}
        sent = [self.like(output_gradient(path, tensor.shape, options), tensor) for path, tensor in outputs.items()]
        if outputs:
            self.backward(list(outputs.values()), sent, targets, done)
        return bool(outputs)


def _enter(recorder: Recorder, path: str, leaf: bool, *_: Any) -> None:
    recorder.enter(path, leaf)
