"""What happens at each outermost call of a model: it is read, run as the options say, and written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nlblocks.parity.formulas import dropout_draw
from nlblocks.parity.recording.framework import Framework, Recurrent
from nlblocks.parity.recording.held import Held
from nlblocks.parity.recording.named_dtypes import WRITES, NamedDtypes
from nlblocks.parity.recording.options import RunOptions
from nlblocks.parity.recording.recorder import Call, Recorder
from nlblocks.parity.tracing import vocabulary


class Observer:
    """Called in place of each function that a model calls. While it is ``busy``, calls are not the model's own."""

    def __init__(self, framework: Framework, recorder: Recorder, options: RunOptions) -> None:
        self.framework, self.recorder, self.options = framework, recorder, options
        self.held = Held(options, recorder.trace)
        self.dtypes = NamedDtypes(framework, options.own, options.dtype, recorder.trace)
        self.busy = False

    def __call__(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.busy:
            return function(*args, **kwargs)
        self.busy = True
        try:
            return self._seen(name, function, args, kwargs)
        finally:
            self.busy = False

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
        call = self.recorder.before(name, args, kwargs)
        args, kwargs = self.recorder.corrected(call, args, kwargs)
        target, args = next(iter(args), None), self.recorder.copied(call, args)
        args, kwargs = self.dtypes.arguments(name, call, args, kwargs)
        fused = self.framework.fused.get(call.name)
        if fused is not None:
            return fused(self, call, function, args, kwargs)
        result = self.dtypes.result(call, args, self._decided(function, call, args, kwargs))
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
            if self.recorder.capture:
                self._attention(call)
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
        own = (*shape, self.recorder.count(shape))
        drawn = call.attrs["drawn"] = self.options.masks.get(call.site, own)
        kept = x * self.framework.like(dropout_draw(drawn, self.options.seed).reshape(shape) >= p, x)
        if call.attrs["mode"] == "downscale_in_infer":
            return kept
        return kept * (1.0 / (1.0 - p) if p < 1 else 0.0)

    def _attention(self, call: Call) -> None:
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
            bidirectional=bool(read.bidirectional), time_major=read.time_major,
        )  # fmt: skip
        result = function(*read.args, **kwargs)
        return read.returned(result, self.recorder.after(call, read.results(result)))
