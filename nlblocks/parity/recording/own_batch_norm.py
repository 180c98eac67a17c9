"""The blocks' own BatchNorm in a trace: one operation, however a backend writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nlblocks.parity.recording.recorder import Call, Recorder

ROLES = ("x", "running_mean", "running_var", "weight", "bias")


def batch_norm(recorder: Recorder, norm: Any, x: Any, unseen: Callable[[Any], Any]) -> Any:
    """What ``norm`` gives for ``x`` [B, C, ...], written down; ``unseen`` runs its forward past the recorder."""
    own = norm.spec
    attrs = {"training": norm.training, "momentum": own.momentum, "eps": own.eps, "variance": own.variance}
    tensors = (x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    numbers = tuple(recorder.number(tensor) for tensor in tensors)
    call = Call("batch_norm", "batch_norm", numbers, ROLES, attrs, {}, recorder.site("batch_norm"))
    wanted = {name: value for name, value in recorder.wanted(call).items() if hasattr(own, name)}
    call.attrs |= wanted
    try:
        norm.spec = replace(own, **wanted)
        result = unseen(x)
    finally:
        norm.spec = own
    return recorder.after(call, result)
