"""How a framework's run of a model becomes a trace: written once, over what :class:`Framework` says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.blame import place_in_user_code
from nlblocks.parity.recording.alone import LOCK, streams
from nlblocks.parity.recording.decisions import Decisions
from nlblocks.parity.recording.framework import Framework, Undo, dtype_name
from nlblocks.parity.recording.observer import Observer
from nlblocks.parity.recording.options import RunOptions, output_gradient
from nlblocks.parity.recording.own_batch_norm import as_operations
from nlblocks.parity.recording.prepared import Ready, prepared
from nlblocks.parity.recording.recorder import Recorder, as_float64, private
from nlblocks.parity.recording.snapshot import Known
from nlblocks.parity.recording.untraced import Unseen
from nlblocks.parity.tracing import Trace, vocabulary

MESSAGE = 300
"""Characters that are kept of an error's message."""


class Tracer(Framework):
    """Runs a framework's models for the lab. A backend derives one, and offers an object of it as ``tracer``."""

    decisions = Decisions
    known = Known

    def owns(self, model: Any) -> bool:
        """Whether the model is a module of this framework."""
        return isinstance(model, self.model_type)

    def state(self, model: Any) -> dict[str, Array]:
        """Parameters and buffers by the model's own names, in its own layouts; views of its memory, to be read only."""
        with LOCK, Observer.paused():
            return {name: self.to_numpy(tensor) for name, tensor in self.named(model).items()}

    def describe(self, model: Any) -> dict[str, vocabulary.Tensor]:
        """Shapes and kinds of what :meth:`state` holds."""
        buffers, unsaved = self.buffer_names(model), self.unsaved_names(model)
        return {
            name: vocabulary.Tensor(
                shape=tuple(tensor.shape), dtype=dtype_name(tensor), buffer=name in buffers,
                trainable=name not in buffers and self.wants_gradient(tensor), saved=name not in unsaved,
            )
            for name, tensor in self.named(model).items()
        }  # fmt: skip

    def filed(self, model: Any) -> dict[str, vocabulary.Filed]:
        """What a checkpoint of the model holds, by the names that it has there."""
        with LOCK, Observer.paused():
            named = self.named(model)
            own = {id(tensor): name for name, tensor in named.items()}
            buffers = {"", *self.buffer_names(model)}
            return {
                name: vocabulary.Filed(
                    own=own.get(id(tensor), ""), shape=tuple(tensor.shape), buffer=own.get(id(tensor), "") in buffers,
                    value=None if id(tensor) in own else np.array(self.to_numpy(tensor)),
                )
                for name, tensor in self.saved(model, named).items()
            }  # fmt: skip

    def dtype(self, model: Any) -> str:
        """The dtype of the model's floating parameters; of complex ones, that of their parts."""
        own = next((dtype_name(tensor) for tensor in self.named(model).values()), self.default_dtype())
        return next((real for real, whole in vocabulary.COMPLEX.items() if whole == own), own)

    def run(self, model: Any, state: Mapping[str, Array], **how: Any) -> Trace:
        """Run the model with this state, and leave it as it was; what it raises is the trace's ``error``.

        ``how`` are the fields of :class:`~nlblocks.parity.recording.options.RunOptions`.
        """
        with LOCK, Observer.paused():
            options = self._options(model, how)
            options.known.described = options.known.described or self._described(model)
            trace = Trace(training=options.training, dtype=options.dtype, **options.known.described)
            with prepared(self, model, options, state) as ready:
                self._run(model, options, trace, ready)
            trace.lost = ready.lost
        return trace

    def _options(self, model: Any, how: Mapping[str, Any]) -> RunOptions:
        """How a model is run, and what is known of it."""
        known = how.get("known") or Known()
        known.dtype = known.dtype or self.dtype(model)
        return RunOptions(**{**how, "known": known, "own": known.dtype})

    def _described(self, model: Any) -> dict[str, Any]:
        """The fields of a trace that are the same in every run of the model."""
        modules = self.modules(model)
        return {
            "framework": self.name, "model": self.title(model), "state": self.describe(model),
            "layers": {path: type(module).__name__ for path, module in modules.items()},
            "foreign": {path for path, module in modules.items() if not self._is_own(type(module))},
        }  # fmt: skip

    def _is_own(self, cls: type) -> bool:
        """Whether a class is the framework's own, or derived from one of its name."""
        return any(
            base.__name__ == cls.__name__ and base.__module__.startswith(self.own_layers) for base in cls.__mro__
        )

    def train(
        self, model: Any, state: Mapping[str, Array], *, steps: int, optimiser: Callable[..., Any],
        done: Callable[[dict[str, Array]], None], **how: Any,
    ) -> None:  # fmt: skip
        """Call ``done`` with the state after each optimiser step on Σ output · gradient; the model is left as it was.

        What the model or its optimiser raises goes on.
        """
        options = self._options(model, {**how, "keep": "results"})
        with LOCK, Observer.paused(), prepared(self, model, options, state) as ready:
            names = self.named(model).keys()  # before forward registers more
            with ready.interrupts.taken():
                rule = optimiser([p for p in self.parameters(model) if self.wants_gradient(p)])
            for step in range(1, steps + 1):
                trace = Trace(framework=self.name, model=type(model).__name__, training=True, dtype=options.dtype)
                with self._recording(model, options, trace, ready) as (recorder, inputs, _):
                    found = self._forward(model, recorder, inputs, ready)
                    if not self._backward(found, options, {}, lambda key, gradient: None, ready):
                        raise RuntimeError(f"{trace.model}: no output has a gradient")
                with ready.interrupts.taken():
                    self.step(rule)
                now = self.named(model)
                read = as_float64 if step == steps else private  # nothing writes to the last ones any more
                done({name: read(self.to_numpy(now[name])) for name in names if name in now})

    def step_by(
        self, model: Any, state: Mapping[str, Array], passed: Trace, *, optimiser: Callable[..., Any],
        done: Callable[[dict[str, Array]], None], **how: Any,
    ) -> None:  # fmt: skip
        """Call ``done`` with the state after one optimiser step, by the gradients and buffers of a pass on this state.

        The model runs no more, and is left as it was; the pass has no gradients any more. What the optimiser raises
        goes on.
        """
        options = self._options(model, {**how, "keep": "results"})
        with LOCK, Observer.paused(), prepared(self, model, options, state) as ready:
            named, gradients = self.named(model), passed.grad_params
            with ready.interrupts.taken():
                rule = optimiser([p for p in self.parameters(model) if self.wants_gradient(p)])
            for name in list(gradients):
                sent = self.like(gradients.pop(name), named[name])
                self.backward([named[name]], [sent], {}, lambda key, gradient: None)
            with ready.interrupts.taken():
                self.step(rule)
            after = {name: self.to_numpy(tensor) for name, tensor in named.items()} | passed.buffers_after
            done({name: as_float64(value) for name, value in after.items()})

    @contextmanager
    def deciding(self, model: Any, decisions: Decisions) -> Iterator[None]:
        """Within, what the model is called for fills decisions, or is held to them; nothing else is written down."""
        trace = Trace(framework=self.name, model=type(model).__name__, training=False, dtype="")
        options = RunOptions(inputs=(), keep="results", decisions=decisions)
        with LOCK:
            recorder = Recorder(self, trace, options, Unseen(self, trace, model, ()))
            try:
                with self._followed(model, self.modules(model), recorder, options):
                    yield
            finally:
                recorder.close()

    def _run(self, model: Any, options: RunOptions, trace: Trace, ready: Ready) -> None:
        def deliver(key: vocabulary.Key, gradient: Array) -> None:
            (trace.grad_inputs if key[0] == "grad_input" else trace.grad_params)[key[1]] = gradient

        with self._recording(model, options, trace, ready) as (recorder, inputs, named):
            targets = {("grad_input", str(index)): tensor for index, tensor in enumerate(inputs)}
            targets |= {("grad_params", name): tensor for name, tensor in named.items()}
            versions = {name: self.version(tensor) for name, tensor in named.items() if not trace.state[name].buffer}
            try:
                found = self._forward(model, recorder, inputs, ready)
                sent = options.gradients or deliver
                if options.backward and options.keep != "forward":
                    self._backward(found, options, targets, sent, ready)
            except Exception as error:
                place = place_in_user_code(error)
                where = f" ({place})" if place else ""
                trace.error = f"{type(error).__name__}: {self.message(error)[:MESSAGE]}{where}"
                trace.error_scope = recorder.scopes[-1][0]
                trace.unable = self.unable(error)
            trace.rewritten = any(self.version(named[name]) != version for name, version in versions.items())
        trace.buffers_after = {
            name: private(self.to_numpy(tensor))
            for name, tensor in self.named(model).items()
            if name in trace.state and trace.state[name].buffer
        }

    @contextmanager
    def _recording(
        self, model: Any, options: RunOptions, trace: Trace, ready: Ready
    ) -> Iterator[tuple[Recorder, list[Any], dict[str, Any]]]:
        """A recorder that knows the model's tensors and inputs; the inputs; and the tensors by name."""
        recorder = Recorder(self, trace, options, Unseen(self, trace, model, ready.there))
        inputs = [
            self.input(array, options.dtype, model, gradient=options.backward and place not in options.targets)
            for place, array in enumerate(options.inputs)
        ]
        for index, tensor in enumerate(inputs):
            recorder.introduce(tensor, f"input:{index}")
        named = self.named(model)
        for name, tensor in named.items():
            recorder.introduce(tensor, f"parameter:{name}")
        try:
            yield recorder, inputs, named
        finally:
            recorder.close()

    def _forward(self, model: Any, recorder: Recorder, inputs: list[Any], ready: Ready) -> dict[str, Any]:
        """Run the model under observation; its outputs by the name of their gradient."""
        trace, options = recorder.trace, recorder.options
        before = streams()
        with self._followed(model, ready.modules, recorder, options), ready.interrupts.taken():
            result = options.call(model, inputs)
        trace.streams = {name: place for name, place in streams().items() if place != before[name]}
        found = recorder.finish(result)
        if not found:
            trace.error = f"{trace.model} returned {type(result).__name__}, which holds no tensor"
        return found

    @contextmanager
    def _followed(
        self, model: Any, modules: Mapping[str, Any], recorder: Recorder, options: RunOptions
    ) -> Iterator[None]:
        """Within, the recorder sees what the model calls, and in which module."""
        observer = Observer(self, recorder, options)
        undo: list[Undo] = []

        with ExitStack() as stack:
            stack.enter_context(observer.run())
            if self.batch_norm is not None:
                norms = (module for module in modules.values() if isinstance(module, self.batch_norm))
                stack.enter_context(as_operations(norms, observer))
            stack.callback(lambda: [put_back() for put_back in undo])
            for path, module in modules.items():
                undo += self.around(module, partial(observer.enter, path, self._leaf(path, module)), observer.leave)
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
        done: Callable[[vocabulary.Key, Array], None], ready: Ready,
    ) -> bool:  # fmt: skip
        """Send the fixed gradients into the outputs; False where none of them takes one.

        A tensor that is several outputs is sent once, with the sum of theirs: Paddle refuses it twice.
        """
        sent: dict[int, tuple[Any, Array]] = {}
        for path, tensor in found.items():
            if self.wants_gradient(tensor):
                gradient = output_gradient(path, tensor.shape, dtype_name(tensor), options)
                _, before = sent.get(id(tensor), (tensor, 0))
                sent[id(tensor)] = tensor, before + gradient
        if sent:
            outputs = [tensor for tensor, _ in sent.values()]
            gradients = [self.like(gradient, tensor) for tensor, gradient in sent.values()]
            with ready.interrupts.taken():
                self.backward(outputs, gradients, targets, done)
        return bool(sent)
