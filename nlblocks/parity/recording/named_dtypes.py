"""What a dtype means that a model names in its forward, where it is run in a wider one than its own.

``x.float()``, ``cumsum(dtype="float32")`` and a float32 constant do nothing, or lose nothing, in a float32 model: there
they name the model's own dtype. In its float64 run they name float64. A narrower dtype than the model's own loses
precision there as here, and stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nlblocks.parity.recording.call import Call
from nlblocks.parity.recording.framework import Framework, dtype_name
from nlblocks.parity.tracing import Trace

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
COMPLEX = {"complex64": "float32", "complex128": "float64"}
"""Complex dtypes by that of their parts."""
WRITES = {"__setitem__", "setitem"}
"""Functions whose result is their first argument, written to."""


class NamedDtypes:
    """The dtypes of one ``run`` of a model whose ``own`` is known; the trace takes note of tensors that came unseen."""

    def __init__(self, framework: Framework, own: str, run: str, trace: Trace) -> None:
        self.framework, self.own, self.run, self.trace = framework, own, run, trace
        self.active = BYTES.get(own, 8) < BYTES.get(run, 0)

    def meant(self, name: str) -> str:
        """The name of the dtype that is meant by this one: at least as wide as the model's own, it is the run's."""
        real = COMPLEX.get(name, name)
        if not self.active or real not in BYTES or BYTES[real] >= BYTES[self.run]:
            return name
        if real != self.own and BYTES[real] <= BYTES[self.own]:
            return name
        return self.run if real == name else f"complex{16 * BYTES[self.run]}"

    def call(
        self, name: str, function: Callable[..., Any], args: Any, kwargs: Any
    ) -> tuple[Callable[..., Any], Any, Any]:
        """A call with the dtypes that it means."""
        if not self.active:
            return function, args, kwargs
        named = self.framework.casts.get(name, "")
        if named and self.meant(named) != named:
            return lambda x, *_, **__: self.framework.cast(x, self.run), args, kwargs
        args = [self.framework.renamed(value, self.meant) for value in args]
        return function, args, {key: self.framework.renamed(value, self.meant) for key, value in kwargs.items()}

    def arguments(self, name: str, call: Call, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments of a call, tensors that came unseen in the run's dtype but for one that is written to."""
        if not self.active:
            return args, kwargs
        first = 1 if self._overwrites(name) else 0
        given = [*args[:first], *(self._cast(value, call) for value in args[first:])]
        return given, {key: value if key == "out" else self._cast(value, call) for key, value in kwargs.items()}

    def result(self, call: Call, args: Any, result: Any) -> Any:
        """What a call gives, in the run's dtype; a narrower one that stays is written down as an attribute."""
        if self.run != "float64":
            return result
        if self.active and not any(result is value for value in args):
            result = self.made(result)
        kept = dtype_name(result) if isinstance(result, self.framework.tensor_type) else ""
        if kept in BYTES and kept != self.run:
            call.attrs["stored"] = kept
        return result

    def made(self, result: Any) -> Any:
        """New tensors in the run's dtype."""
        if type(result) in (list, tuple):
            return type(result)(self.made(item) for item in result)
        narrow = isinstance(result, self.framework.tensor_type) and self._narrow(result)
        return self.framework.cast(result, self.meant(dtype_name(result))) if narrow else result

    def _narrow(self, tensor: Any) -> bool:
        name = dtype_name(tensor)
        return self.meant(name) != name

    def _cast(self, value: Any, call: Call) -> Any:
        if type(value) in (list, tuple):
            return type(value)(self._cast(item, call) for item in value)
        if not isinstance(value, self.framework.tensor_type) or not self._narrow(value):
            return value
        self.trace.promoted.setdefault(call.site, dtype_name(value))
        return self.framework.cast(value, self.meant(dtype_name(value)))

    def _overwrites(self, name: str) -> bool:
        if name in WRITES or (name.startswith("__i") and name.endswith("__")):
            return True
        return bool(self.framework.inplace) and name.endswith(self.framework.inplace) and not name.endswith("__")
