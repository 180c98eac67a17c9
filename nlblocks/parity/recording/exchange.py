"""Where a run takes results and gradients of another in place of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.recording.call import Call
from nlblocks.parity.recording.framework import Framework, dtype_name
from nlblocks.parity.tracing import vocabulary


class Exchange:
    """Puts what is ``given`` in the place of a run's own results."""

    def __init__(self, framework: Framework, given: vocabulary.Given | None) -> None:
        self.framework, self.given = framework, given

    def copied(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        """The arguments of a call whose result is exchanged: the first a copy, for it may be written to in place.

        What an operation wrote is needed on the way back, and must not be written to again.
        """
        given, first = self.given, next(iter(args), None)
        exchanged = given is not None and any(site == call.site for site, _ in given.values)
        if exchanged and self.framework.inplace and isinstance(first, self.framework.tensor_type):
            if self.framework.wants_gradient(first):
                call.copied = first, first * 1
                return [call.copied[1], *args[1:]]
            call.copied = first, first
        return args

    def result(self, call: Call, result: Any) -> Any:
        """The result with what is given in its place; other than tensors and plain lists of them are left alone."""
        if type(result) in (list, tuple):
            return type(result)(self._one(call, i, item) for i, item in enumerate(result))
        return self._one(call, 0, result)

    def _one(self, call: Call, position: int, tensor: Any) -> Any:
        """The tensor with values of others that its gradient passes by, and with another gradient behind it.

        The first argument, if that is what was written to: the model may go on with it by its own name.
        """
        framework, given, spot = self.framework, self.given, (call.site, position)
        if given is None or not isinstance(tensor, framework.tensor_type):
            return tensor
        value, gradient = given.values.get(spot), given.gradients.get(spot)
        written, other = call.copied is not None and tensor is call.copied[1], tensor
        if value is not None and _fits(value, tensor):
            other = framework.like(value, tensor)
            if framework.wants_gradient(tensor):
                other = framework.exchanged(tensor, other)
        if written and call.copied is not None and other is not call.copied[0]:
            tensor, _ = call.copied
            tensor[...] = other
        else:
            tensor = other
        if gradient is not None and _fits(gradient, tensor) and framework.wants_gradient(tensor):
            other = framework.like(gradient, tensor)  # a hook that holds its own tensor keeps all of the run for ever
            framework.hook(tensor, lambda _: other)
        return tensor


def _fits(array: Array, tensor: Any) -> bool:
    """Whether an array can take a tensor's place: of its shape, and complex where it is."""
    return array.shape == tuple(tensor.shape) and np.iscomplexobj(array) == dtype_name(tensor).startswith("complex")
