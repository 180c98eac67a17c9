"""What happens at each outermost call of a model: it is read, run as the options say, and written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import get_ident
from typing import Any, ClassVar

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.recording import draws
from nlblocks.parity.recording.call import Call
from nlblocks.parity.recording.framework import Framework, Recurrent
from nlblocks.parity.recording.held import Held
from nlblocks.parity.recording.named_dtypes import WRITES, NamedDtypes
from nlblocks.parity.recording.options import RunOptions
from nlblocks.parity.recording.recorder import Recorder
from nlblocks.parity.tracing import vocabulary


class Observer:
    """Called in place of each function that a model calls. While it is ``busy``, calls are not the model's own.

    Nor are those of other threads, and those of another run that the model starts in the midst of its own.
    """

    running: ClassVar[list[Observer]] = []
    """Those whose models run: one, and one more for each run inside a run."""

    def __init__(self, framework: Framework, recorder: Recorder, options: RunOptions) -> None:
        self.framework, self.recorder, self.options = framework, recorder, options
        self.held = Held(options, recorder.trace)
        self.dtypes = NamedDtypes(framework, options.own, options.dtype, recorder.trace)
        self.busy = False
        self._thread = get_ident()

    @property
    def here(self) -> bool:
        """Whether this is the thread in which the model runs."""
        return get_ident() == self._thread

    def __call__(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.busy or not self.here:
            return function(*args, **kwargs)
        self.busy = True
        try:
            return self._seen(name, function, args, kwargs)
        finally:
            self.busy = False

    @classmethod
    def paused(cls) -> AbstractContextManager[None]:
        """Within, what this thread calls is not the model's that it runs, if it runs one."""
        own = [observer for observer in cls.running if observer._thread == get_ident()]
        return own[-1].unseen() if own else nullcontext()

    @contextmanager
    def run(self) -> Iterator[None]:
        """Within, its model runs."""
        self.running.append(self)
        try:
            yield
        finally:
            self.running.remove(self)

    def enter(self, path: str, leaf: bool, *given: Any) -> None:
        """A module runs on what it is given."""
        if self.here:
            self._meet(given)
            self.recorder.enter(path, leaf)

    def leave(self, *given: Any) -> None:
        """The module that was entered last gives what it gives."""
        if self.here:
            self._meet(given)
            self.recorder.leave()

    def _meet(self, given: Any) -> None:
        """What no traced operation made is of the module that hands it on."""
        before, self.busy = self.busy, True
        try:
            for tensor in vocabulary.tensors_in(given, self.framework.tensor_type):
                self.recorder.number(tensor)
        finally:
            self.busy = before

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Calls within are run and not written down."""
        before, self.busy = self.busy, True
        try:
            yield
        finally:
            self.busy = before

    def _seen(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        function, args, kwargs = self.dtypes.call(name, function, args, kwargs)
        reader = self.framework.recurrent.get(name)
        if reader is not None:
            read = reader(name, args)
            return function(*args, **kwargs) if read is None else self._recurrent(read, function, kwargs)
        if name in vocabulary.ESCAPES:
            self.recorder.unseen.escape(self.recorder.number(args[0]))
            return function(*args, **kwargs)
        call = self.recorder.before(name, args, kwargs)
        args, kwargs = self.recorder.corrected(call, args, kwargs)
        target, args = next(iter(args), None), self.recorder.exchange.copied(call, args)
        args, kwargs = self.dtypes.arguments(name, call, args, kwargs)
        fused = self.framework.fused.get(call.name)
        if fused is not None:
            return fused(self, call, function, args, kwargs)
        result = draws.run(self.recorder, call, function, args, kwargs)
        if result is None:
            result = self.options.rounded(self.framework, call, self._decided(function, call, args, kwargs))
        result = self.dtypes.result(call, args, result)
        if call.name in WRITES:
            self.recorder.after(call, None, target=target)
            return result
        return self.recorder.after(call, result)

    def _decided(self, function: Callable[..., Any], call: Call, args: Any, kwargs: Any) -> Any:
        """What a call gives, decided as the run is held to decide."""
        decisions = self.options.decisions
        if decisions is None:
            return self._execute(function, call, args, kwargs)
        decisions.before(self.framework, call)
        return decisions.after(self.framework, call, self._execute(function, call, args, kwargs))

    def _execute(self, function: Callable[..., Any], call: Call, args: Any, kwargs: Any) -> Any:
        if call.kind in vocabulary.DROPOUTS and call.attrs["training"] and call.attrs["p"] > 0:
            return self._dropout(call)
        if call.kind == "attention" and call.signature is not None:
            args, kwargs = call.signature.replace(args, kwargs, "p", lambda p: 0.0)
            kept = self._kept_attention(call)
            if self.recorder.capture:
                self._attention(call, kept)
            if kept is not None:
                return self._dropped_attention(call, kept, function, args, kwargs)
        return function(*args, **kwargs)

    def _dropout(self, call: Call) -> Any:
        """The same mask as in every other framework."""
        x, p = call.arguments["x"], float(call.attrs["p"])
        shape, axes = tuple(x.shape), call.arguments.get("axis")
        if call.kind == "dropout_channels":
            axes = (0, 1)
        if axes is not None:
            axes = (axes,) if isinstance(axes, int) else tuple(axes)
            shape = tuple(extent if axis in axes else 1 for axis, extent in enumerate(shape))
        kept = x * self.framework.like(draws.uniform(self.recorder, call, shape) >= p, x)
        if call.attrs["mode"] == "downscale_in_infer":
            return kept
        return kept * (1.0 / (1.0 - p) if p < 1 else 0.0)

    def kept(self, call: Call, shape: Sequence[int], p: float) -> Array:
        """What a dropout inside a call multiplies by: 0 or 1 / (1 - p), the same as in every other framework."""
        kept = draws.uniform(self.recorder, call, tuple(shape)) >= p
        call.attrs["distribution"] = "bernoulli"
        return kept / (1.0 - p) if p < 1 else 0.0 * kept

    def _kept_attention(self, call: Call) -> Array | None:
        """What the dropout of a fused attention multiplies its map by; None where it drops nothing."""
        p = float(call.arguments.get("p") or 0.0)
        if p == 0 or not call.arguments.get("_training", True):
            return None
        *lead, length, _ = self._heads_first(call.arguments["query"].shape)
        return self.kept(call, (*lead, length, self._heads_first(call.arguments["key"].shape)[-2]), p)

    def _heads_first(self, shape: Sequence[int]) -> list[int]:
        """[..., H, L, D], wherever the heads are."""
        *lead, third, second, last = shape
        return [*lead, second, third, last] if self.framework.heads_inside else list(shape)

    def _dropped_attention(self, call: Call, kept: Array, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A fused attention with its map multiplied: the framework's own map is what it gives of the unit matrix."""
        framework, move = self.framework, self.framework.functions["moveaxis"]
        value, inside, signature = call.arguments["value"], framework.heads_inside, call.signature
        assert signature is not None
        *lead, size, _ = self._heads_first(call.arguments["key"].shape)
        unit = np.broadcast_to(np.eye(size), (*lead, size, size))
        unit = np.array(np.swapaxes(unit, 1, 2) if inside else unit)
        args, kwargs = signature.replace(args, kwargs, "value", lambda value: framework.like(unit, value))
        attention = function(*args, **kwargs)
        if inside:
            attention, value = move(attention, 1, 2), move(value, 1, 2)
        if len(lead) > 1 and value.shape[-3] != kept.shape[-3]:  # several queries to one head of the values
            heads = np.repeat(np.arange(value.shape[-3]), kept.shape[-3] // value.shape[-3])
            value = value[:, heads.tolist()]
        mixed = (attention * framework.like(kept, attention)) @ value
        return move(mixed, 1, 2) if inside else mixed

    def _attention(self, call: Call, kept: Array | None) -> None:
        """Write down the steps of a fused attention, softmax(Q Kᵀ · scale + mask) V, but for the last."""
        recorder, framework, inside = self.recorder, self.framework, self.framework.heads_inside
        numbers = dict(zip(call.roles, call.inputs, strict=True))
        query, key = (framework.to_numpy(call.arguments[name]) for name in ("query", "key"))
        if inside:
            query, key = np.swapaxes(query, 1, 2), np.swapaxes(key, 1, 2)
        mask = call.arguments.get("mask")
        attention, number = recorder.attention_steps(
            query, key, (numbers["query"], numbers["key"]), call.attrs.get("scale"),
            None if mask is None else framework.to_numpy(mask), numbers.get("mask"), bool(call.attrs.get("causal")),
        )  # fmt: skip
        if kept is not None:
            attention, number = recorder.dropped(attention, number, kept, float(call.arguments["p"]))
        product = (number, numbers["value"]), ("x", "other")
        if inside:
            value = np.swapaxes(framework.to_numpy(call.arguments["value"]), 1, 2)
            number = recorder.note("matmul", *product, attention @ value)
            call.kind, call.inputs, call.roles = "swapaxes", (number,), ("x",)
        else:
            call.kind, (call.inputs, call.roles) = "matmul", product

    def _recurrent(self, read: Recurrent, function: Callable[..., Any], kwargs: Any) -> Any:
        ends = ("", "_reverse") if read.bidirectional else ("",)
        suffixes = [f"_l{layer}{end}" for layer in range(read.layers) for end in ends]
        weights = [f"{part}{suffix}" for group in read.groups for suffix in suffixes for part in group]
        roles = ["x", *[f"state{i}" for i in range(len(read.states))], *weights]
        numbers = [self.recorder.number(tensor) for tensor in (read.x, *read.states, *read.weights)]
        call = self.recorder.call(
            read.kind, read.kind, numbers, roles[: len(numbers)], layers=read.layers,
            bidirectional=bool(read.bidirectional), time_major=read.time_major, training=read.dropping,
            **({} if read.p is None else {"p": read.p}), **{"reversed": False, **read.told},
        )  # fmt: skip
        if read.dropping and read.p:
            result, made = self._layers(read, call, function, kwargs)
        else:
            result = function(*read.args, **kwargs)
            made = read.results(result)
        return read.returned(result, self.recorder.after(call, made))

    def _layers(self, read: Recurrent, call: Call, function: Callable[..., Any], kwargs: Any) -> tuple[Any, Any]:
        """The layers one by one, with a dropout between them: what the last gives, and the tensors of the whole."""
        x, ends = read.x, list[Any]()
        for index in range(read.layers):
            if index:
                x = x * self.framework.like(self.kept(call, x.shape, read.p or 0.0), x)
            result = function(*read.layer(index, x), **kwargs)
            x, *states = read.results(result)
            ends.append(states)
        concat = self.framework.functions["concat"]
        return result, type(read.results(result))([x, *(concat(list(parts), 0) for parts in zip(*ends, strict=True))])
