"""The blocks' own BatchNorm in a trace: one operation, however a backend writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from nlblocks.parity.recording.observer import Observer

ROLES = ("x", "running_mean", "running_var", "weight", "bias")


@contextmanager
def as_operations(norms: Iterable[Any], observer: Observer) -> Iterator[None]:
    """Within, what a BatchNorm of the blocks computes is written down as one operation."""
    found = list(norms)
    for norm in found:
        norm.forward = partial(_forward, norm, observer)  # for the time of one run
    try:
        yield
    finally:
        for norm in found:
            del norm.forward


def _forward(norm: Any, observer: Observer, x: Any) -> Any:
    """What ``norm`` gives for ``x`` [B, C, ...], with its attributes as the run wants them."""
    own, recorder = norm.spec, observer.recorder
    with observer.unseen():
        attrs = {"training": norm.training, "momentum": own.momentum, "eps": own.eps, "variance": own.variance}
        tensors = (x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        numbers = tuple(recorder.number(tensor) for tensor in tensors)
        call = recorder.call("batch_norm", "batch_norm", numbers, ROLES, **attrs)
        wanted = {name: value for name, value in recorder.wanted(call).items() if hasattr(own, name)}
        call.attrs |= wanted
        try:
            norm.spec = replace(own, **wanted)
            result = type(norm).forward(norm, x)
        finally:
            norm.spec = own
        return recorder.after(call, result)
