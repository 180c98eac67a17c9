"""The blocks' own layers in the parity lab: each is one operation, however it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from paddle import Tensor, nn

from nlblocks.parity.recorder import Call, Recorder
from nlblocks_paddle.interception import unseen
from nlblocks_paddle.layers import BatchNorm

ROLES = ("x", "running_mean", "running_var", "weight", "bias")


@contextmanager
def as_operations(model: nn.Layer, recorder: Recorder) -> Iterator[None]:
    """Within, what a BatchNorm of the blocks computes is written down as one operation."""
    norms = [layer for layer in model.sublayers(include_self=True) if isinstance(layer, BatchNorm)]
    for norm in norms:
        norm.forward = partial(_forward, norm, recorder)  # type: ignore[method-assign]  # for the time of one run
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _forward(norm: BatchNorm, recorder: Recorder, x: Tensor) -> Tensor:
    own = norm.spec
    attrs = {"training": norm.training, "momentum": own.momentum, "eps": own.eps, "variance": own.variance}
    tensors = (x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    numbers = tuple(recorder.number(tensor) for tensor in tensors)
    call = Call("batch_norm", "batch_norm", numbers, ROLES, attrs, {}, recorder.site("batch_norm"))
    wanted = {name: value for name, value in recorder.wanted(call).items() if hasattr(own, name)}
    call.attrs |= wanted
    try:
        norm.spec = replace(own, **wanted)
        with unseen():
            result = BatchNorm.forward(norm, x)
    finally:
        norm.spec = own
    made: Tensor = recorder.after(call, result)
    return made
